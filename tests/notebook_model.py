# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A checkpoint as the notebook saves it: the reference of the conversion."""

import torch

from benchmarks.notebook_way import (
    NUM_MEL_BINS,
    PATCH_SIZE,
    SAMPLING_RATE,
    NotebookTransformer,
    notebook_log_mel,
)

__all__ = ["SAMPLING_RATE", "NotebookTransformer", "notebook_log_mel", "save_notebook_checkpoint"]


def save_notebook_checkpoint(network, path, mean=-41.5, std=21.25):
    """Train one step, so that no bias is zero and there is an optimiser state, and save as the notebook does."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.01)
    num_tokens = network.pos_embed.shape[1]
    log_mels = torch.randn(1, 1, NUM_MEL_BINS, (num_tokens - 1) // (NUM_MEL_BINS // PATCH_SIZE) * PATCH_SIZE)
    (network.train()(log_mels) - 5).square().mean().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3,
        "model_state_dict": network.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "val_loss": 1.25,
        "global_mean": torch.tensor(mean),
        "global_std": torch.tensor(std),
    }
    torch.save(checkpoint, path)
    network.eval()
    return checkpoint
