# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The command that embeds music."""

from __future__ import annotations

from collections.abc import Sequence

from .. import embedding
from ..argument_parser import ArgumentParser, check_output, device_name, number
from ..embedding.encoders import POOLINGS
from ..released import find_model

OF_ENCODER = ("layer", "pooling", "sampling_rate", "trust_remote_code")


def embed(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Write embeddings of audio files by an audio encoder, for `train --teacher_embeddings`.

    The encoder is a model of transformers (AST, wav2vec2, HuBERT, MERT, CLAP, Whisper), a model of this package, or an
    ONNX file from `waveform` (batch, num_samples) to `embedding` (batch, num_values). The same command continues a run
    that was interrupted. docs/teachers.md describes the file.
    """
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="audio files, folders (searched at any depth), playlists (.m3u, .m3u8, .pls), URLs, addresses of fsspec",
    )
    parser.add_argument("--model", required=True, help="Hub id or folder of an audio encoder, or ONNX file")
    parser.add_argument("--output", required=True, help="file to write: .npz")
    parser.add_argument(
        "--layer",
        type=number(int),
        help="hidden state to pool: 0 is the input of the first layer, -1 the output of the last (default: the output "
        "of the encoder)",
    )
    parser.add_argument(
        "--pooling",
        choices=POOLINGS,
        help="mean over time, first token, or pooler: the model's own embedding (default: pooler where the model has "
        "one and no --layer is given, else mean)",
    )
    parser.add_argument(
        "--window_seconds",
        type=number(float, 0, above=True),
        help="length of a window (default: the length for which the encoder is made; 3 if it takes any length)",
    )
    parser.add_argument(
        "--hop_seconds", type=number(float, 0, above=True), help="step from window to window (default: half a window)"
    )
    parser.add_argument(
        "--sampling_rate",
        type=number(int, 1),
        help="of the input of an ONNX file, in Hz (default: as its metadata say)",
    )
    parser.add_argument("--batch_size", type=number(int, 1), help="windows in a batch (default: 16)")
    parser.add_argument("--device", type=device_name, help="such as cuda:0 (default: an accelerator, or the CPU)")
    parser.add_argument("--trust_remote_code", action="store_true", help="run code from the repository of the model")
    options = vars(parser.parse_args(argv))
    options["model"] = find_model(options["model"])
    embedding.check_encoder(options["model"], **{name: options[name] for name in OF_ENCODER if name in options})
    check_output(options["output"], is_folder=False)
    if not options["output"].endswith(".npz"):
        raise ValueError(f"Expected an output file ending in .npz, but got {options['output']!r}.")
    embedding.embed(**options)
