# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Registers the pytest marks of the common tests of transformers."""

from library.transformers_tests import marks, source_folder


def pytest_configure(config):
    folder = source_folder()
    for name in marks(folder) if folder else ():
        config.addinivalue_line("markers", f"{name}: of the common tests of transformers")
