# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Where the released model, the pre-trained encoder and the recipes are."""

from __future__ import annotations

import logging
from pathlib import Path

from .argument_parser import suggestion

logger = logging.getLogger(__name__)


def packaged(name: str) -> Path:
    """A folder that an installed package contains, and that is at the top of a clone of the repository."""
    package = Path(__file__).parent
    return package / name if (package / name).is_dir() else package.parent / name


RELEASED_MODEL, RELEASED_ENCODER = packaged("hub/ast-va-deam"), packaged("hub/ast-va-encoder")
RELEASED = {
    f"{parent}{folder.name}": folder for folder in (RELEASED_MODEL, RELEASED_ENCODER) for parent in ("", "hub/")
}
RECIPES = packaged("configs")


def find_model(name: str) -> str:
    """The folder of a released model, or encoder, for its name if that is no folder here; any other name as it is."""
    return str(RELEASED[name]) if name in RELEASED and not Path(name).exists() else name


def recipe_names() -> list[str]:
    """The names of the recipes of the package."""
    return sorted(recipe.name for recipe in RECIPES.glob("*.json"))


def find_recipe(name: str) -> Path:
    """
    Find the JSON file of a recipe of training: the file of that name, or else a recipe of the package, whose name may
    stand alone or in `configs`, as in `deam_fast.json` and `configs/deam_fast.json`.

    Raises:
        ValueError: if there is neither; the message lists the recipes of the package.
    """
    path = Path(name)
    if path.exists():
        return path
    recipes = recipe_names()
    if path.name not in recipes or path.parent not in (Path(), Path("configs")):
        expected = f"Expected a JSON file of arguments, or a recipe out of {', '.join(recipes)}"
        raise ValueError(f"{expected}, but got {name!r}.{suggestion(path.name, recipes)}")
    logger.info("The recipe is %s of the package.", path.name)
    return RECIPES / path.name
