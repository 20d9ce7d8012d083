#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Write the demo songs in DEAM's folder layout: `python scripts/make_demo_deam.py --output_dir DIR [--num_songs N]`."""

from argparse import ArgumentParser

from modeling_ast_va import make_demo_deam

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--output_dir", required=True, help="new or empty folder to write")
    parser.add_argument("--num_songs", type=int, default=400, help="up to 580")
    parser.add_argument("--seed", type=int, default=0, help="of songs and ratings")
    parser.add_argument("--song_seconds", type=float, default=20.0, help="length of each song")
    print(f"Demo songs: {make_demo_deam(**vars(parser.parse_args()))}")
