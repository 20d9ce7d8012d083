# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Fields of classes, read from their source text: importing these classes takes seconds, since they need torch."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple


class SourceField(NamedTuple):
    """
    A setting of a class.

    Args:
        name: of the attribute or parameter.
        annotation: its type, as written.
        default: its value, or the text of an expression that is not a literal.
        help: from the metadata of a dataclass field, or from the `Args:` of the class.
        options: `choices`, `nargs` and `const` of its flag, from the metadata.
    """

    name: str
    annotation: str
    default: Any
    help: str
    options: dict[str, Any]


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"Expected the package {package!r}, but got none.")
    return Path(spec.submodule_search_locations[0])


def class_fields(path: Path, class_name: str) -> list[SourceField]:
    """Settings that a class itself defines: its annotated attributes, or the defaults of its `__init__`."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    definition = next((node for node in module.body if getattr(node, "name", "") == class_name), None)
    if not isinstance(definition, ast.ClassDef):
        raise ValueError(f"Expected a class {class_name} in {path.name}, but got none.")
    helps = _documented(ast.get_docstring(definition) or "")
    fields = []
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            fields.append(_field(node.target.id, node.annotation, node.value, helps))
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            parameters = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            pairs = zip(parameters, node.args.defaults)
            fields += [_field(one.arg, one.annotation, default, helps) for one, default in pairs]
    return [field for field in fields if field]


def _field(
    name: str, annotation: ast.expr | None, default: ast.expr | None, helps: dict[str, str]
) -> SourceField | None:
    """A field; None for one that the constructor does not accept."""
    metadata = {}
    if isinstance(default, ast.Call) and ast.unparse(default.func) == "field":
        keywords = {keyword.arg: keyword.value for keyword in default.keywords}
        if "init" in keywords and not _value(keywords["init"]):
            return None
        entries = keywords.get("metadata")
        if isinstance(entries, ast.Dict):
            metadata = {_value(key): _value(value) for key, value in zip(entries.keys, entries.values)}
        default = keywords.get("default", keywords.get("default_factory"))
    options = {key: metadata[key] for key in ("choices", "nargs", "const") if key in metadata}
    if isinstance(options.get("choices"), str):  # an expression
        del options["choices"]
    text = ast.unparse(annotation) if annotation else "str"
    return SourceField(name, text, _value(default), metadata.get("help", helps.get(name, "")), options)


def _value(node: ast.expr | None) -> Any:
    """The value of a literal, or the text of another expression."""
    try:
        return ast.literal_eval(node) if node else None
    except ValueError:
        return ast.unparse(node) if node else None


def _documented(docstring: str) -> dict[str, str]:
    """Descriptions of arguments by their names, from the `Args:` of a docstring; `a, b: ...` describes both."""
    section = re.search(r"^Args:\n((?:    .*\n|\n)*)", docstring + "\n", re.MULTILINE)
    helps = {}
    for entry in re.split(r"\n    (?=\S)", "\n" + section[1]) if section else []:
        names, _, description = entry.partition(":")
        text = " ".join(description.split()).replace("%", "%%")
        for name in re.sub(r"\(.*?\)", "", names).split(","):
            helps[name.strip()] = text[:1].upper() + text[1:]
    return helps
