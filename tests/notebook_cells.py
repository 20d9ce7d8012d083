# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The notebooks: their numbers, in text and beside it, and their execution."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
MAX_CELL_SECONDS = 600

# A number, but not a digit of a name such as `R2`, `conv2d` or `MP3`, or of a decimal that has begun before.
NUMBER = re.compile(r"(?<![\w.])\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?!\w|\.\d)|(?<![\w.])\.\d+")
# What the numbers of a text are not taken from.
EXCEPTIONS = (
    re.compile(r"```.*?```", re.DOTALL),  # code of a solution, which is executed
    re.compile(r"\]\([^)]*\)"),  # the address of a link
    re.compile(r"^#+ \d+\b", re.MULTILINE),  # the number of a section
    re.compile(r"^\s*\d+\. ", re.MULTILINE),  # the number of an item
    re.compile(r"\b[Nn]otebooks? \d\b"),  # the number of a notebook
    re.compile(r"\b(?:19\d\d|20[0-2]\d)(?=[a-z]?\))"),  # the year of a citation: (Park et al., 2019)
    re.compile(r"\$\$?[^$]+\$\$?"),  # a formula, whose constants define it
)
SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)


def read_notebook(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def numbers_in(text: str) -> set[float]:
    """The numbers of a text without their signs."""
    return {float(re.sub(r"[,_]", "", number)) for number in NUMBER.findall(text)}


def stated_numbers(markdown: str) -> set[float]:
    """The numbers that a text states, without those of `EXCEPTIONS`."""
    for exception in EXCEPTIONS:
        markdown = exception.sub(" ", markdown)
    return numbers_in(markdown)


def output_text(cell: NotebookNode) -> str:
    """What a code cell printed or returned, as text."""
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(texts)


def unsupported_numbers(notebook: NotebookNode) -> list[str]:
    """Numbers in text that neither the code cell before nor the one after contains, in its source or its output."""
    cells, unsupported = notebook.cells, []
    of_code = {i: numbers_in(f"{c.source}\n{output_text(c)}") for i, c in enumerate(cells) if c.cell_type == "code"}
    for index, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        before = max((i for i in of_code if i < index), default=None)
        after = min((i for i in of_code if i > index), default=None)
        beside = set().union(*(of_code[i] for i in (before, after) if i is not None))
        unsupported += [
            f"{number:g} in {cell.source[:60]!r}" for number in sorted(stated_numbers(cell.source) - beside)
        ]
    return unsupported


def noise(notebook: NotebookNode) -> list[str]:
    """Errors, and what was written to stderr, in the outputs of a notebook."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output) for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


def with_solutions(notebook: NotebookNode) -> NotebookNode:
    """A copy in which a code cell with the solution follows each exercise."""
    notebook = deepcopy(notebook)
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        solutions = SOLUTION.findall(cell.source) if cell.cell_type == "markdown" else []
        cells += [cell, *map(nbformat.v4.new_code_cell, solutions)]
    notebook.cells = cells
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute a copy of a notebook in a folder, from top to bottom; an exception in a cell is raised."""
    notebook = deepcopy(notebook)
    client = NotebookClient(notebook, timeout=MAX_CELL_SECONDS, kernel_name="python3", record_timing=False)
    return client.execute(cwd=str(folder))
