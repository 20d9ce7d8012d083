# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The table of the course names every notebook, and only sections that they have."""

from __future__ import annotations

import re
from pathlib import Path

from notebook_cells import FOLDER, read_notebook

PAGE = (Path(__file__).parents[2] / "docs" / "course.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"notebook (\d), sections? ([\d ,]+(?:(?:and|to) \d+)?)")
HEADING = re.compile(r"^## (\d+) ", re.MULTILINE)


def sections_of(number: str) -> set[int]:
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    texts = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "markdown"]
    return {int(section) for text in texts for section in HEADING.findall(text)}


def test_the_course_links_to_every_notebook():
    names = {path.name for path in FOLDER.glob("*.ipynb")}
    assert set(re.findall(r"\(\.\./notebooks/(.*?)\)", PAGE)) == names


def test_the_sections_that_the_course_names_exist():
    references = REFERENCE.findall(PAGE)
    assert references
    for number, sections in references:
        named = {int(section) for section in re.findall(r"\d+", sections)}
        assert named <= sections_of(number), f"notebook {number}, sections {sections}"
