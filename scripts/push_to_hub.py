#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Publish a model's folder: `python scripts/push_to_hub.py --model DIR --repo_id me/ast-va [--private] [--dry_run]`."""

from argparse import ArgumentParser

from modeling_ast_va.hub.folder import push_folder

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--model", dest="folder", required=True, help="folder that training or conversion left")
    parser.add_argument("--repo_id", required=True, help="address on the Hub, such as me/ast-va")
    parser.add_argument("--private", action="store_true", default=None, help="make a new repository private")
    parser.add_argument("--revision", help="branch; without it, main")
    parser.add_argument("--commit_message", default="Upload model, code and card")
    parser.add_argument("--dry_run", action="store_true", help="only check, and show what would go")
    push_folder(**vars(parser.parse_args()))
