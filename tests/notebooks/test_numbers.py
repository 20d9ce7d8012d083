# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The text of a notebook states no number that the code beside it does not give; its outputs are clean and small."""

from __future__ import annotations

import nbformat
import pytest
from notebook_cells import FOLDER, SOLUTION, noise, numbers_in, read_notebook, stated_numbers, unsupported_numbers

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAX_BYTES = 400_000

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def new_notebook(*cells):
    """A notebook of texts (`str`) and of code with what it printed (`tuple`)."""
    v4, nodes = nbformat.v4, []
    for cell in cells:
        if isinstance(cell, str):
            nodes.append(v4.new_markdown_cell(cell))
        else:
            printed = v4.new_output("stream", name="stdout", text=cell[1])
            nodes.append(v4.new_code_cell(cell[0], outputs=[printed]))
    return v4.new_notebook(cells=nodes)


def test_there_are_notebooks():
    assert NOTEBOOKS


@each_notebook
def test_a_notebook_is_valid_and_small(path):
    notebook = read_notebook(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert path.stat().st_size < MAX_BYTES


@each_notebook
def test_a_notebook_was_executed_from_top_to_bottom_without_noise(path):
    notebook = read_notebook(path)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert noise(notebook) == []


@each_notebook
def test_a_text_states_no_number_that_the_code_beside_it_does_not_give(path):
    assert unsupported_numbers(read_notebook(path)) == []


@each_notebook
def test_a_notebook_ends_with_an_exercise_and_its_folded_solution(path):
    last = read_notebook(path).cells[-1]
    assert last.cell_type == "markdown"
    assert "## Exercise" in last.source
    assert SOLUTION.search(last.source)


def test_a_wrong_number_in_a_text_is_found():
    cells = [("print(2**11)", "2048\n"), "A window of 2,048 samples.", "It lasts 46.4 ms."]
    assert unsupported_numbers(new_notebook(*cells)) == ["46.4 in 'It lasts 46.4 ms.'"]
    assert unsupported_numbers(new_notebook(*cells, ("print(ms)", "46.4\n"))) == []


def test_code_further_away_does_not_support_a_number():
    cells = [("print(3)", "3\n"), ("print(4)", "4\n"), "There are 3 of them."]
    assert unsupported_numbers(new_notebook(*cells)) == ["3 in 'There are 3 of them.'"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-0.5 dB, 1,024 samples and 1e-4", {0.5, 1024, 1e-4}),
        ("a 16-bit file, 16000Hz, 44.1kHz", {16}),
        ("`R2`, conv2d and MP3", set()),
        ("from 2 to 9, i.e. 2–9 (12 %)", {2, 9, 12}),
        ("version 1.2.3", set()),
    ],
)
def test_numbers_in_text(text, expected):
    assert numbers_in(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "## 3 Mel bands",
        "1. First, decode.",
        "SpecAugment (Park et al., 2019), and Russell (1980)",
        "[a page](https://example.org/24)",
        "$f = 700$ defines it",
        "```python\nprint(17)\n```",
        "see notebook 2",
    ],
)
def test_exceptions_are_not_numbers_of_a_text(text):
    assert stated_numbers(text) == set()


def test_formulas_end_at_their_dollar_signs():
    assert stated_numbers("from $a$ to 7 and $b$") == {7}


def test_noise_is_errors_and_stderr():
    warning = nbformat.v4.new_output("stream", name="stderr", text="UserWarning")
    cell = nbformat.v4.new_code_cell("warn()", outputs=[warning])
    assert len(noise(nbformat.v4.new_notebook(cells=[cell]))) == 1
    assert noise(new_notebook(("print(1)", "1\n"))) == []
