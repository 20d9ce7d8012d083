# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The card of a pre-trained encoder, rendered from what was recorded in its folder."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import jinja2
from huggingface_hub import ModelCardData
from markupsafe import Markup

from ..formatting import fence_of, single_line
from .card import TAGS, count_parameters, escaping_environment
from .files import CARD_FILE, RESULTS_FILE, WEIGHTS_FILE, read_json_object
from .folder import load_settings
from .protocol import load_protocol

TEMPLATE = Path(__file__).with_name("encoder_card_template.md")
FIT_PREFIX, FIT_SUFFIX = "eval_", "_embeddings_r2"


def write_encoder_card(folder: str | PathLike[str], name: str) -> None:
    """
    Write the card of an encoder, `README.md`.

    Args:
        folder: with weights, settings, results and protocol, as pre-training writes them.
        name: of the encoder.

    Raises:
        ValueError: for a protocol that is not one of pre-training.
    """
    folder = Path(folder)
    protocol, results = load_protocol(folder), read_json_object(folder / RESULTS_FILE)
    config, feature_extractor = load_settings(folder)
    metadata = ModelCardData(
        license=single_line(protocol.get("license", "unknown")),
        library_name="transformers",
        pipeline_tag="feature-extraction",
        tags=TAGS,
    )
    fits = {
        metric.removeprefix(FIT_PREFIX).removesuffix(FIT_SUFFIX): value
        for metric, value in results.items()
        if metric.startswith(FIT_PREFIX) and metric.endswith(FIT_SUFFIX)
    }
    try:
        command = str(protocol["pretraining"]["command"])
        content = (
            escaping_environment()
            .from_string(TEMPLATE.read_text(encoding="utf-8"))
            .render(
                card_data=Markup(metadata.to_yaml()),
                name=name,
                folder=Markup(single_line(name)),
                num_parameters=count_parameters(folder / WEIGHTS_FILE),
                feature_extractor=feature_extractor,
                pooler_size=config.pooler_size,
                pretraining=protocol["pretraining"],
                protocol=protocol,
                command=Markup(command),
                fence=Markup(fence_of(command)),
                fits=fits,
            )
        )
    except (LookupError, TypeError, jinja2.TemplateError) as error:
        raise ValueError(f"Expected the records of pre-training in {folder}, but got {error}") from error
    (folder / CARD_FILE).write_text(content + "\n", encoding="utf-8")
