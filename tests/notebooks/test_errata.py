# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The computations of the errata give what the page states, and every number that it states is among them."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from notebook_cells import numbers_in, stated_numbers

PAGE = Path(__file__).parents[2] / "docs" / "notebook_errata.md"
COMPUTATION = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
CLAIM = re.compile(r"^>.*\n", re.MULTILINE)
SECTION = re.compile(r"^##+ (.*)\n((?:(?!^##).*\n)*)", re.MULTILINE)
SECTIONS = dict(SECTION.findall(PAGE.read_text(encoding="utf-8")))
ERRATA = {title: text for title, text in SECTIONS.items() if title[0].isdigit()}
NO_COMPUTATION = {"12 The labels"}  # needs DEAM; README.md has its numbers, and `test_label_audit.py` the method


def test_the_computations_give_these_results():
    tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried.attempted > len(ERRATA)
    assert tried.failed == 0


def test_errata_are_numbered():
    assert [int(title.split()[0]) for title in ERRATA] == list(range(1, len(ERRATA) + 1))


@pytest.mark.parametrize("title", ERRATA)
def test_an_erratum_states_a_claim(title):
    assert CLAIM.search(ERRATA[title])


@pytest.mark.parametrize("title", [title for title in SECTIONS if title not in NO_COMPUTATION])
def test_a_section_states_only_numbers_that_its_computation_contains(title):
    computed = numbers_in("".join(COMPUTATION.findall(SECTIONS[title])))
    text = re.sub(r"\berratum \d+", "", CLAIM.sub("", SECTIONS[title]))
    assert stated_numbers(text) <= computed
