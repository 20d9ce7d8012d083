# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Relative links of the documentation and of the notebooks, to files and to headings, as GitHub resolves them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")],
    key=lambda path: path.relative_to(ROOT),
)
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
ANCHOR = re.compile(r"\b(?:id|name)=\"([^\"]+)\"")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    """The Markdown of a page or a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def anchors(markdown: str) -> set[str]:
    """The anchors of the headings: lower case, without punctuation, a hyphen for each space; and those in HTML."""
    found = set(ANCHOR.findall(markdown))
    for heading in HEADING.findall(re.sub(r"^ *```.*?^ *```", "", markdown, flags=re.DOTALL | re.MULTILINE)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        repeated = sum(one == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", one) is not None for one in found)
        found.add(f"{slug}-{repeated}" if repeated else slug)
    return found


def broken_links(page: Path, markdown: str) -> list[str]:
    """The relative links of a page, in this text, that lead to no file or to no heading."""
    broken = []
    for match in LINK.finditer(CODE.sub("", markdown)):
        link = match[1] or match[2]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(markdown if not path else text_of(target))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page):
    assert broken_links(page, text_of(page)) == []


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("docs/ratings.md#the-table", False),
        ("#set-up", False),
        ("docs", False),
        ("https://example.org/none", False),
        ("docs/none.md", True),
        ("docs/ratings.md#no-such-heading", True),
        ("#no-such-heading", True),
    ],
)
def test_a_broken_link_is_found(link, is_broken):
    markdown = f"## Set-up\n\nSee [here]({link}), not `[code](none.md)`.\n\n```\n[more](none.md)\n# no heading\n```\n"
    assert broken_links(ROOT / "README.md", markdown) == [link] * is_broken


def test_anchors_are_those_of_github():
    markdown = "# `ast-va`: one, two\n\n## Log-mel & *more*\n\n## Same\n\n## Same\n\n```bash\n# comment\n```\n"
    assert anchors(markdown) == {"ast-va-one-two", "log-mel--more", "same", "same-1"}
