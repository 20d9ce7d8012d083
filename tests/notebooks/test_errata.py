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
ERRATA = dict(re.findall(r"^### (\d+ .*)\n((?:(?!^##).*\n)*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
NO_COMPUTATION = {"12 The labels"}  # needs DEAM; README.md has its numbers, and `test_label_audit.py` the method


def test_the_computations_give_these_results():
    tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried.attempted > len(ERRATA)
    assert tried.failed == 0


def test_errata_are_numbered():
    assert [int(title.split()[0]) for title in ERRATA] == list(range(1, len(ERRATA) + 1))


@pytest.mark.parametrize("title", ERRATA.keys() - NO_COMPUTATION)
def test_an_erratum_states_a_claim_and_only_numbers_that_its_computation_contains(title):
    text = ERRATA[title]
    assert CLAIM.search(text)
    computed = numbers_in("".join(COMPUTATION.findall(text)))
    references = re.sub(r"\berratum \d+", "", CLAIM.sub("", text))
    assert stated_numbers(references) <= computed
