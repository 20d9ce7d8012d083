# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The notebook's network, preprocessing and checkpoint, written anew: the reference that conversion must equal."""

import librosa
import numpy as np
import torch
from torch import nn

SAMPLING_RATE, NUM_FRAMES, NUM_MEL_BINS, PATCH_SIZE = 44100, 432, 128, 16


class NotebookTransformer(nn.Module):
    """`(batch, 1, num_mel_bins, num_frames)` -> valence and arousal `(batch, 2)`, by torch's own encoder."""

    def __init__(self, num_frames=NUM_FRAMES, hidden_size=256, num_layers=4, num_heads=4, num_mel_bins=NUM_MEL_BINS):
        super().__init__()
        num_patches = (num_mel_bins // PATCH_SIZE) * (num_frames // PATCH_SIZE)
        self.patch_embed = nn.Conv2d(1, hidden_size, kernel_size=PATCH_SIZE, stride=PATCH_SIZE)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, hidden_size))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + num_patches, hidden_size))
        layer = nn.TransformerEncoderLayer(
            hidden_size, num_heads, dim_feedforward=4 * hidden_size, dropout=0.1, activation="gelu", batch_first=True
        )
        self.transformer_encoder = nn.TransformerEncoder(layer, num_layers=num_layers)
        self.head = nn.Sequential(
            nn.LayerNorm(hidden_size), nn.Linear(hidden_size, 128), nn.GELU(), nn.Dropout(0.1), nn.Linear(128, 2)
        )

    def forward(self, log_mels):
        patches = self.patch_embed(log_mels).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        return self.head(self.transformer_encoder(tokens)[:, 0])


def notebook_log_mel(waveform, num_frames=NUM_FRAMES):
    """Log-mel as the notebook computes it, `(num_mel_bins, num_frames)`, before normalisation; padded with 0 dB."""
    mel = librosa.feature.melspectrogram(y=waveform, sr=SAMPLING_RATE, n_mels=NUM_MEL_BINS, n_fft=2048, hop_length=512)
    log_mel = librosa.power_to_db(mel, ref=np.max)[:, :num_frames]
    return np.pad(log_mel, ((0, 0), (0, num_frames - log_mel.shape[1])))


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
