# Each target first prepares the environment: the active virtual or conda environment, else .venv.
PYTHON ?= python3
OUTPUT ?= outputs/demo

ACTIVE := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX))
ENV := $(or $(ACTIVE),.venv)
BIN := $(ENV)/bin
STAMP := $(ENV)/.modeling_ast_va

.PHONY: demo test test-slow test-library docs notebooks benchmark lint format install clean

## demo: synthesise the demo songs, train, evaluate, plot, and predict one song
demo: install
	rm -rf $(OUTPUT)
	test -d data/demo_deam || $(BIN)/python scripts/make_demo_deam.py --output_dir data/demo_deam
	$(BIN)/accelerate launch scripts/train.py configs/demo.json --output_dir $(OUTPUT)
	$(BIN)/python scripts/evaluate.py --model $(OUTPUT) --data_dir data/demo_deam
	$(BIN)/python scripts/predict.py --model $(OUTPUT) --output $(OUTPUT)/prediction.csv \
		"$$(ls data/demo_deam/DEAM_audio/MEMD_audio/*.mp3 | head -n 1)"
	cat $(OUTPUT)/prediction.csv

## test: the test suite
test: install
	$(BIN)/python -m pytest -n auto tests

## test-slow: the tests that take long: notebooks, several processes, the app, Ray
test-slow: install
	$(BIN)/python -m pytest --run-slow -m slow tests

## test-library: the common tests of transformers on our classes; downloads the source archive of the installed version
test-library: install
	version=$$($(BIN)/python -c "from importlib.metadata import version; print(version('transformers'))") && \
	folder=build/transformers/transformers-$$version && \
	{ test -f $$folder.tar.gz || $(BIN)/python -m pip download --no-deps --no-binary transformers \
		--dest build/transformers "transformers==$$version"; } && \
	tar -xzf $$folder.tar.gz -C build/transformers && \
	TRANSFORMERS_TESTS=$$folder $(BIN)/python -m pytest -n auto tests/library

## docs: the documentation site, in build/site; open build/site/index.html
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

## notebooks: execute all notebooks and keep their outputs
notebooks: install
	$(BIN)/python -m nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False \
		notebooks/*.ipynb

## benchmark: the speed of each stage, compared with the notebook, in one table
benchmark: install
	$(BIN)/python scripts/benchmark.py

## lint: style and types
lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## format: correct the style where ruff can
format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## install: the package in editable mode, with what tests and lint need
install: $(STAMP)

# An installed torch is kept: .venv then sees the packages of the system, and the versions in constraints.txt are not
# enforced.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		$$($(PYTHON) -c "import torch" 2>/dev/null && echo --system-site-packages)
	$(BIN)/python -c "import torch" 2>/dev/null && $(BIN)/python -m pip install -e ".[dev]" \
		|| $(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	touch $(STAMP)

## clean: remove the environment, outputs and demo songs
clean:
	rm -rf .venv build outputs data
