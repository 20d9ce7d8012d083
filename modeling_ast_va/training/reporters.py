# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Experiment trackers that `report_to` names, and whether they are installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from ..argument_parser import suggestion

# Values of `report_to`, and their packages where those have other names.
REPORTERS = (
    *("azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte", "kubeflow", "mlflow", "neptune"),
    *("swanlab", "tensorboard", "trackio", "wandb"),
)
REPORTER_PACKAGES = {"azure_ml": "azureml", "flyte": "flytekit"}


def check_reporters(names: str | Sequence[str] | None) -> None:
    """Check that the packages of `report_to` are installed (ValueError)."""
    for name in [names] if isinstance(names, str) else names or ():
        if name in ("all", "none"):
            continue
        if name not in REPORTERS:
            expected = ", ".join([*REPORTERS, "all", "none"])
            raise ValueError(f"Expected report_to out of {expected}, but got {name!r}.{suggestion(name, REPORTERS)}")
        package = REPORTER_PACKAGES.get(name, name)
        if not find_spec(package) and not (name == "tensorboard" and find_spec("tensorboardX")):
            raise ValueError(f"Expected report_to {name!r} with its package installed, but got no package {package}.")
