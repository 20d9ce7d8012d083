# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The documentation site: it is built without a warning, needs no network, and describes every public name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *(
        "app",
        "checkpoints",
        "collection",
        "data",
        "demo",
        "embedding",
        "evaluation",
        "hub",
        "library_map",
        "prediction",
    ),
    "training",
)


class Resources(HTMLParser):
    """What a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag != "a":
            self.addresses += [values[name] for name in ("src", "href") if values.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="the site is built with the packages of the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # an announcement of the theme, as in the Makefile
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def load_module() -> ModuleType:
    pytest.importorskip("mkdocs", reason="the site is built with the packages of the extra docs")
    specification = spec_from_file_location("pages", ROOT / "docs" / "site" / "pages.py")
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def described_names() -> set[str]:
    pages = (ROOT / "docs" / "api").glob("*.md")
    return {
        path for page in pages for path in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_every_page_of_the_repository_is_on_the_site(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    pages |= {path.relative_to(ROOT).with_suffix(".html") for path in (ROOT / "notebooks").glob("*.ipynb")}
    others = ("index", "contributing", "changelog", "model_card", "encoder_card")
    pages |= {Path(f"{name}.html") for name in others}
    assert sorted(map(str, pages)) == sorted(
        str(path.relative_to(site)) for path in site.rglob("*.html") if path.name != "404.html"
    )


def test_nothing_is_loaded_from_the_network(site):
    for page in site.rglob("*.html"):
        resources = Resources()
        resources.feed(page.read_text(encoding="utf-8"))
        assert resources.addresses
        remote = [address for address in resources.addresses if re.match(r"(https?:)?//", address)]
        assert remote == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text(encoding="utf-8")), style.name


def test_the_search_works_without_a_server(site):
    assert (site / "search" / "search_index.js").read_text(encoding="utf-8").startswith("var __index = {")
    assert 'src="site/iframe-worker.js"' in (site / "index.html").read_text(encoding="utf-8")


def test_links_are_those_of_the_site(site):
    home = (site / "index.html").read_text(encoding="utf-8")
    for address in ("prediction.html", "model_card.html", "contributing.html", "examples/rate_with_onnx.py"):
        assert f'href="{address}"' in home
    assert (site / "examples" / "rate_with_onnx.py").read_bytes() == (ROOT / "examples/rate_with_onnx.py").read_bytes()


def test_docstrings_are_rendered(site):
    page = (site / "api" / "data.html").read_text(encoding="utf-8")
    assert "[<code>" not in page
    assert re.search(r'href="#modeling_ast_va\.data\.dataset\.load_ratings"[^>]*><code>load_ratings</code>', page)
    assert "<summary>Shape</summary>" in (site / "api" / "evaluation.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["modeling_ast_va", *(f"modeling_ast_va.{folder}" for folder in FOLDERS)])
def test_every_public_name_is_described(package):
    module, described = import_module(package), described_names()
    for name in module.__all__:
        value = getattr(module, name)
        assert f"{value.__module__}.{value.__qualname__}" in described, f"{package}.{name} is in no page of docs/api"


def test_formulas_and_folded_solutions_are_shown():
    pages = load_module()
    page = SimpleNamespace(file=SimpleNamespace(src_uri="notebooks/1.md"))
    markdown = "<details>\n\nFor $f_0 = 2$ and `$x$`, $5.\n\n</details>\n"
    shown = pages.on_page_markdown(markdown, page, None, None)
    assert shown.startswith('<details markdown="1">')
    assert re.search(r"For <math .*<msub>.*</math> and `\$x\$`, \$5\.", shown)
