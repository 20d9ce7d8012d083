# Everything sets itself up: an active virtual or conda environment is used, else .venv is made.
PYTHON ?= python3
OUTPUT ?= outputs/demo

ACTIVE := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX))
ENV := $(or $(ACTIVE),.venv)
BIN := $(ENV)/bin
STAMP := $(ENV)/.modeling_ast_va

.PHONY: demo test test-library benchmark lint format install clean

## demo: synthesise demo songs, train, evaluate, plot, and predict one song
demo: install
	rm -rf $(OUTPUT)
	test -d data/demo_deam || $(BIN)/python scripts/make_demo_deam.py --output_dir data/demo_deam
	$(BIN)/accelerate launch scripts/train.py configs/demo.json --output_dir $(OUTPUT)
	$(BIN)/python scripts/evaluate.py --model $(OUTPUT) --data_dir data/demo_deam
	$(BIN)/python scripts/predict.py --model $(OUTPUT) --output $(OUTPUT)/prediction.csv \
		"$$(ls data/demo_deam/DEAM_audio/MEMD_audio/*.mp3 | head -n 1)"
	cat $(OUTPUT)/prediction.csv

## test: the whole test suite
test: install
	$(BIN)/python -m pytest -n auto tests

## test-library: transformers' own tests for models, configurations and feature extractors, on ours (downloads its sources)
test-library: install
	$(BIN)/python -m pip install parameterized
	$(BIN)/python -m pip download --no-deps --no-binary :all: --dest build/transformers \
		"transformers==$$($(BIN)/python -c 'import transformers; print(transformers.__version__)')"
	tar -xzf build/transformers/transformers-*.tar.gz -C build/transformers
	TRANSFORMERS_TESTS=$$(ls -d build/transformers/transformers-*/) $(BIN)/python -m pytest tests/library

## benchmark: every stage beside the notebook's way, in one table
benchmark: install
	$(BIN)/python scripts/benchmark.py

## lint: style and types
lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(STAMP)

# A torch that is there already is kept: a machine's own is seen through --system-site-packages, and no pin is laid on it.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		$$($(PYTHON) -c "import torch" 2>/dev/null && echo --system-site-packages)
	$(BIN)/python -c "import torch" 2>/dev/null && $(BIN)/python -m pip install -e ".[dev]" \
		|| $(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf .venv outputs data
