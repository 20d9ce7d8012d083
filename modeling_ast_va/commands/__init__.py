# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The commands of `ast-va`. The functions that they call are imported on use: parsing does not wait for torch."""

from .embedding import embed
from .exporting import export
from .library import map, playlist, tag
from .prediction import predict
from .publishing import convert, push, release
from .serving import app
from .tools import benchmark, demo
from .training import evaluate, pretrain, train

COMMANDS = {
    one.__name__: one
    for one in (
        *(predict, app, map, playlist, tag, train, evaluate, embed, pretrain),
        *(export, release, push, convert, demo, benchmark),
    )
}
