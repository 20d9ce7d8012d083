# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The app as a Space: with the model of the package, at the address and the port that Spaces expect."""

from modeling_ast_va.app import launch

if __name__ == "__main__":
    launch(host="0.0.0.0", port=7860)
