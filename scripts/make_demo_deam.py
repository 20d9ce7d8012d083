# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Write the demo songs in DEAM's folder layout: `python scripts/make_demo_deam.py --output_dir DIR`."""

from __future__ import annotations

import argparse

from modeling_ast_va import make_demo_deam


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output_dir", required=True, help="a new or empty folder")
    parser.add_argument("--num_songs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0, help="of songs and ratings")
    parser.add_argument("--song_seconds", type=float, default=20.0, help="length of each song")
    args = parser.parse_args()
    print(f"Synthesising {args.num_songs} songs ...")
    print(make_demo_deam(args.output_dir, args.num_songs, args.seed, song_seconds=args.song_seconds))


if __name__ == "__main__":
    main()
