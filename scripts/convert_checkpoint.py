#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The notebook's checkpoint as a Hub folder: `python scripts/convert_checkpoint.py best_ast_model.pth --output DIR`."""

from argparse import ArgumentParser

from modeling_ast_va import convert_notebook_checkpoint

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="best_ast_model.pth, as the notebook saves it")
    parser.add_argument("--output", required=True, help="folder to write")
    parser.add_argument("--num_attention_heads", type=int, default=4, help="its NUM_HEADS [4]")
    parser.add_argument("--num_mel_bins", type=int, default=128, help="its N_MELS [128]")
    parser.add_argument("--segment_seconds", type=float, help="its SEGMENT_LENGTH [what its frames hold]")
    args = parser.parse_args()
    convert_notebook_checkpoint(
        args.checkpoint,
        args.output,
        num_attention_heads=args.num_attention_heads,
        num_mel_bins=args.num_mel_bins,
        segment_seconds=args.segment_seconds,
    )
    print(f"Wrote {args.output}")
