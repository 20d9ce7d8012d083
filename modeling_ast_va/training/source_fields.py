# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Fields of classes, read from their source text: importing these classes takes seconds, since they need torch."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Any, NamedTuple


class SourceField(NamedTuple):
    """A setting of a class: an attribute, or a parameter of its `__init__`."""

    name: str
    annotation: str  # as written
    default: Any  # its value, or the text of an expression that is not a literal
    help: str  # from the metadata of a dataclass field, or from the `Args:` of the class
    options: dict[str, Any]  # `choices`, `nargs` and `const` of its flag, from the metadata


def class_fields(path: Path, class_name: str) -> list[SourceField]:
    """Settings that a class itself defines: its public annotated attributes, or the defaults of its `__init__`."""
    definition = _definition(path, class_name)
    helps = _documented(definition)
    fields = []
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            fields.append(_field(node.target.id, node.annotation, node.value, helps))
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            parameters = zip(node.args.args[-len(node.args.defaults) :], node.args.defaults)
            fields += [_field(one.arg, one.annotation, default, helps) for one, default in parameters]
    return fields


def documented(path: Path, class_name: str) -> dict[str, str]:
    """Descriptions of settings by their names, from the `Args:` of a class; also of settings that it inherits."""
    return _documented(_definition(path, class_name))


@functools.cache
def _definition(path: Path, class_name: str) -> ast.ClassDef:
    """The class statement in a source file."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    (definition,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == class_name)
    return definition


def _field(name: str, annotation: ast.expr | None, default: ast.expr | None, helps: dict[str, str]) -> SourceField:
    metadata = {}
    if isinstance(default, ast.Call) and ast.unparse(default.func) == "field":
        keywords = {keyword.arg: keyword.value for keyword in default.keywords}
        if isinstance(entries := keywords.get("metadata"), ast.Dict):
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


def _documented(definition: ast.ClassDef) -> dict[str, str]:
    """Descriptions of arguments by their names, from the `Args:` of a class; `a, b: ...` describes both."""
    section = (ast.get_docstring(definition) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    helps: dict[str, str] = {}
    for names, lines in re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
        text = " ".join(lines.split()).replace("%", "%%")
        helps |= dict.fromkeys(names.split(", "), text[:1].upper() + text[1:])
    return helps
