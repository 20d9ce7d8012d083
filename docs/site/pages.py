# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Pages of the documentation site that are not in docs: README.md, which is the home page, other files of the top folder,
and the notebooks with their outputs. Pages are written as GitHub shows them, and are changed here to what MkDocs
expects: links become those of the site, formulas MathML, which browsers show without a script. A file that is linked
and is no page is copied to the site.

Source: hooks of MkDocs, https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[2]
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "model_card.md": "model_card.md",
    "hub/ast-va-encoder/README.md": "encoder_card.md",
}
MODEL_FOLDER, MODEL_PAGE = "hub/ast-va-deam", "model_card.md"
CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[([^]]*)\]\((?!#|[a-z]+:)([^)#\s]+)")
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(?! )([^$\n]+?)(?<! )\$(?!\d)", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and the linked files, before MkDocs resolves the links."""
    for source, uri in MOVED.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text(encoding="utf-8")))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        add_notebook(files, config, notebook)
    for page in files.documentation_pages():
        for target in linked(page.content_string, source_of(page.src_uri)):
            path = ROOT / target
            if site_uri(target) == target and path.is_file() and files.get_file_from_path(target) is None:
                files.append(File.generated(config, target, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change links to those of the site, names of pages to titles, formulas to MathML; show Markdown in `<details>`."""
    source, uri = source_of(page.file.src_uri), page.file.src_uri

    def moved(match: re.Match[str]) -> str:
        text, path = match.groups()
        target = site_uri(resolve(path, source))
        file = files.get_file_from_path(target)
        if file and file.page and text.endswith(posixpath.basename(path)):
            text = str(file.page.title)
        return f"[{text}]({posixpath.relpath(target, posixpath.dirname(uri) or '.')}"

    def converted(text: str) -> str:
        text = FORMULA.sub(formula, LINK.sub(moved, text))
        return text.replace("<details>", '<details markdown="1">')

    parts = CODE.split(markdown)
    return "".join(part if CODE.fullmatch(part) else converted(part) for part in parts)


def add_notebook(files: Files, config: MkDocsConfig, notebook: Path) -> None:
    """Add the page of a notebook and its figures, as it was executed last."""
    figures = f"{notebook.stem}_files"
    markdown, resources = MarkdownExporter().from_filename(
        str(notebook), resources={"output_files_dir": figures, "unique_key": notebook.stem}
    )
    markdown = markdown.replace('<table border="1" class="dataframe">', "<table>")  # as other tables of the site
    files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=markdown))
    for name, data in resources["outputs"].items():
        files.append(File.generated(config, f"notebooks/{name}", content=data))


def linked(markdown: str, source: str) -> Iterator[str]:
    """The relative links of a page outside of code, as paths in the repository."""
    for part in CODE.split(markdown):
        if not CODE.fullmatch(part):
            for _, path in LINK.findall(part):
                yield resolve(path, source)


def formula(match: re.Match[str]) -> str:
    """A formula of LaTeX as MathML."""
    block, inline = match.groups()
    return convert(block or inline, display="block" if block else "inline")


def resolve(path: str, source: str) -> str:
    """The path in the repository of a link in a file of it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path))


def source_of(uri: str) -> str:
    """The path in the repository of a page of the site."""
    for source, moved in MOVED.items():
        if uri == moved:
            return source
    return uri if uri.startswith("notebooks/") else f"docs/{uri}"


def site_uri(path: str) -> str:
    """The path on the site of a file of the repository."""
    if path == MODEL_FOLDER:
        return MODEL_PAGE
    if path.startswith("notebooks/"):
        return path.replace(".ipynb", ".md")
    return MOVED.get(path, path.removeprefix("docs/"))
