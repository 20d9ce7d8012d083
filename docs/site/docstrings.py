# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The package as the API pages show it: [`Name`] in a docstring becomes a link where a page describes the name, and code
otherwise; what a function returns has the type of its annotation; a configuration has its fields as arguments.

Source: extensions of Griffe, https://mkdocstrings.github.io/griffe/guide/users/extending/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from griffe import Class, Extension, Function, Object, Parameter, ParameterKind, Parameters

API = Path(__file__).parents[1] / "api"
DESCRIBED = re.compile(r"^::: (\S+)", re.MULTILINE)
REFERENCE = re.compile(r"\[`~?([\w.]+)`\](?![\[(])")
WRAPPED_NAMES = re.compile(r"^(    \w[\w, ]*,)\n +([\w, ]+: )", re.MULTILINE)  # of arguments in one entry
RETURNS = re.compile(r"(?<=\nReturns:\n    )")


class Docstrings(Extension):
    """Changes docstrings and classes once they are read, before the sections of docstrings are parsed."""

    def __init__(self) -> None:
        paths = [path for page in API.glob("*.md") for path in DESCRIBED.findall(page.read_text(encoding="utf-8"))]
        self.path_of = {path.rsplit(".", 1)[-1]: path for path in paths}

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        if obj.docstring is None:
            return
        text = REFERENCE.sub(self.reference, WRAPPED_NAMES.sub(r"\1 \2", obj.docstring.value))
        obj.docstring.value = RETURNS.sub(f"{obj.returns}: ", text) if isinstance(obj, Function) else text

    def on_class(self, *, cls: Class, **kwargs: Any) -> None:
        if "__post_init__" not in cls.members or "__init__" in cls.members:
            return
        arguments = [
            Parameter(one.name, annotation=one.annotation, kind=ParameterKind.keyword_only, default=one.value)
            for one in cls.attributes.values()
            if one.annotation and "property" not in one.labels
        ]
        start = Parameter("self", kind=ParameterKind.positional_or_keyword)
        cls.set_member("__init__", Function("__init__", parameters=Parameters(start, *arguments), parent=cls))

    def reference(self, match: re.Match[str]) -> str:
        """A link to the page that describes a name, or the name as code."""
        name = match[1].rsplit(".", 1)[-1]
        return f"[`{name}`][{self.path_of[name]}]" if name in self.path_of else f"`{name}`"
