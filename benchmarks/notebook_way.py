# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The network, features, data and training loop of the notebook that this package replaces, without its plots.

As in the notebook, librosa decodes a whole song for each segment, in two worker processes, and training runs in single
precision. `python -m benchmarks.notebook_way --data_dir DEAM --output_dir DIR` trains and evaluates a model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error
from torch import nn
from torch.utils.data import DataLoader, Dataset, SequentialSampler, SubsetRandomSampler, random_split

SAMPLING_RATE, SEGMENT_SECONDS, NUM_FRAMES, NUM_MEL_BINS, PATCH_SIZE = 44100, 5, 432, 128, 16
BATCH_SIZE, NUM_WORKERS, LEARNING_RATE = 16, 2, 1e-4
STATISTICS_SEGMENTS = 1000  # training segments for mean and standard deviation
FREQUENCY_MASK_BINS, TIME_MASK_FRAMES = 10, 20
AUDIO_FOLDER = Path("DEAM_audio", "MEMD_audio")
SONG_LEVEL_FOLDER = Path("DEAM_Annotations", "annotations", "annotations averaged per song", "song_level")
ANNOTATION_FILES = ("static_annotations_averaged_songs_1_2000.csv", "static_annotations_averaged_songs_2000_2058.csv")
CHECKPOINT_FILE = "best_ast_model.pth"


class NotebookTransformer(nn.Module):
    """`(batch, 1, num_mel_bins, num_frames)` -> valence and arousal `(batch, 2)`, with the encoder of torch."""

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


def notebook_log_mel(waveform: np.ndarray, num_frames: int = NUM_FRAMES) -> np.ndarray:
    """Log-mel before normalisation, `(num_mel_bins, num_frames)`, padded with 0 dB."""
    mel = librosa.feature.melspectrogram(y=waveform, sr=SAMPLING_RATE, n_mels=NUM_MEL_BINS, n_fft=2048, hop_length=512)
    log_mel = librosa.power_to_db(mel, ref=np.max)[:, :num_frames]
    return np.pad(log_mel, ((0, 0), (0, num_frames - log_mel.shape[1])))


class NotebookDataset(Dataset):
    """Segments of songs: log-mel `(1, num_mel_bins, num_frames)` and ratings of the song `(2,)`."""

    def __init__(self, annotations: pd.DataFrame, audio_dir: Path, augment: bool = False):
        self.annotations, self.audio_dir, self.augment = annotations, audio_dir, augment
        self.segment_samples = SEGMENT_SECONDS * SAMPLING_RATE
        self.segments = []
        for row in range(len(annotations)):  # decodes every song to learn its length
            num_segments = len(self._load(row)) // self.segment_samples
            self.segments += [(row, segment) for segment in range(num_segments)]

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        row, segment = self.segments[index]
        start = segment * self.segment_samples
        log_mel = notebook_log_mel(self._load(row)[start : start + self.segment_samples])
        values = torch.tensor(log_mel, dtype=torch.float32).unsqueeze(0)
        if self.augment:  # masks of one width, filled with 0 dB
            first_bin = int(torch.randint(0, NUM_MEL_BINS - FREQUENCY_MASK_BINS, (1,)))
            values[:, first_bin : first_bin + FREQUENCY_MASK_BINS, :] = 0
            first_frame = int(torch.randint(0, NUM_FRAMES - TIME_MASK_FRAMES, (1,)))
            values[:, :, first_frame : first_frame + TIME_MASK_FRAMES] = 0
        rating = self.annotations.iloc[row]
        return values, torch.tensor([rating["valence_mean"], rating["arousal_mean"]], dtype=torch.float32)

    def _load(self, row: int) -> np.ndarray:
        path = self.audio_dir / f"{int(self.annotations.iloc[row]['song_id'])}.mp3"
        return librosa.load(path, sr=SAMPLING_RATE, mono=True)[0]


def read_annotations(data_dir: Path) -> pd.DataFrame:
    """Published song-level ratings of the songs that have an audio file."""
    tables = [pd.read_csv(data_dir / SONG_LEVEL_FOLDER / name) for name in ANNOTATION_FILES]
    for table in tables:
        table.columns = table.columns.str.strip()
    annotations = pd.concat(tables, ignore_index=True)
    exists = [(data_dir / AUDIO_FOLDER / f"{int(song)}.mp3").exists() for song in annotations["song_id"]]
    return annotations[exists].reset_index(drop=True)


def concordance(references: np.ndarray, predictions: np.ndarray) -> float:
    """CCC as in the notebook, which mixes the sample covariance with population variances."""
    variances = np.var(references), np.var(predictions)
    covariance = np.cov(references, predictions)[0, 1] if len(references) > 1 else 0.0
    product = np.sqrt(variances[0] * variances[1])
    correlation = covariance / product if product > 0 else 0.0
    denominator = sum(variances) + (references.mean() - predictions.mean()) ** 2
    return float(2 * correlation * product / denominator) if denominator > 0 else 0.0


def training_step(network, optimizer, log_mels: torch.Tensor, labels: torch.Tensor) -> float:
    """One step: forward, backward, clipping to norm 1, AdamW; returns the loss."""
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(network(log_mels), labels)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm=1.0)
    optimizer.step()
    return loss.item()


def build_optimizer(network: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)


def evaluate(network, loader, mean: torch.Tensor, std: torch.Tensor, device) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean loss of the batches, predictions `(n, 2)` and references `(n, 2)`."""
    network.eval()
    losses, predictions, references = [], [], []
    with torch.no_grad():
        for log_mels, labels in loader:
            log_mels, labels = ((log_mels - mean) / std).to(device), labels.to(device)
            outputs = network(log_mels)
            losses.append(nn.functional.mse_loss(outputs, labels).item())
            predictions.append(outputs.cpu().numpy())
            references.append(labels.cpu().numpy())
    return sum(losses) / len(losses), np.vstack(predictions), np.vstack(references)


def split_indices(num_segments: int) -> list[Sequence[int]]:
    """Training, validation and test segments, 80/10/10 at random, so a song can be in all three."""
    sizes = [int(0.8 * num_segments), int(0.1 * num_segments)]
    sizes.append(num_segments - sum(sizes))
    segments: list[int] = list(range(num_segments))
    # A list works as a data set.
    parts = random_split(segments, sizes, torch.Generator().manual_seed(42))  # type: ignore[arg-type, var-annotated]
    return [part.indices for part in parts]


def train(data_dir: Path, output_dir: Path, num_epochs: int = 5, num_workers: int = NUM_WORKERS) -> dict[str, float]:
    """Train a model and return its metrics on the test split."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    annotations, audio_dir = read_annotations(data_dir), data_dir / AUDIO_FOLDER
    whole = NotebookDataset(annotations, audio_dir)
    indices = split_indices(len(whole))
    sample = torch.cat([whole[index][0] for index in indices[0][:STATISTICS_SEGMENTS]])
    mean, std = sample.mean(), sample.std()
    loaders = []
    for part, rows in enumerate(indices):  # the data set of each split decodes all songs again
        sampler = SubsetRandomSampler(rows) if part == 0 else SequentialSampler(rows)
        dataset = NotebookDataset(annotations, audio_dir, augment=part == 0)
        pin = device.type == "cuda"
        loaders.append(DataLoader(dataset, BATCH_SIZE, sampler=sampler, num_workers=num_workers, pin_memory=pin))
    network = NotebookTransformer().to(device)
    optimizer = build_optimizer(network)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_epochs)
    best = float("inf")
    output_dir.mkdir(parents=True, exist_ok=True)
    for epoch in range(num_epochs):
        network.train()
        losses = [
            training_step(network, optimizer, ((log_mels - mean) / std).to(device), labels.to(device))
            for log_mels, labels in loaders[0]
        ]
        scheduler.step()
        loss, predictions, references = evaluate(network, loaders[1], mean, std, device)
        concordances = [concordance(references[:, column], predictions[:, column]) for column in (0, 1)]
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, validation {loss:.4f}, CCC {np.round(concordances, 4)}")
        if loss < best:
            best = loss
            checkpoint = {"epoch": epoch, "val_loss": loss, "global_mean": mean, "global_std": std}
            states = {"model_state_dict": network.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
            torch.save({**checkpoint, **states}, output_dir / CHECKPOINT_FILE)
    network.load_state_dict(torch.load(output_dir / CHECKPOINT_FILE)["model_state_dict"])
    _, predictions, references = evaluate(network, loaders[2], mean, std, device)
    metrics = {}
    for column, dimension in enumerate(("valence", "arousal")):
        pair = references[:, column], predictions[:, column]
        metrics[f"{dimension}_mse"] = float(mean_squared_error(*pair))
        metrics[f"{dimension}_mae"] = float(mean_absolute_error(*pair))
        metrics[f"{dimension}_ccc"] = concordance(*pair)
    return metrics


def predict_song(network: nn.Module, path: Path, mean: float, std: float) -> np.ndarray:
    """Valence and arousal of a song `(2,)`, predicted segment by segment."""
    waveform = librosa.load(path, sr=SAMPLING_RATE, mono=True)[0]
    samples = SEGMENT_SECONDS * SAMPLING_RATE
    predictions = []
    network.eval()
    with torch.no_grad():
        for start in range(0, len(waveform) - samples + 1, samples):
            log_mel = torch.tensor(notebook_log_mel(waveform[start : start + samples]), dtype=torch.float32)
            predictions.append(network(((log_mel - mean) / std)[None, None]).numpy())
    return np.vstack(predictions).mean(axis=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train as the notebook does.")
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--num_epochs", type=int, default=5)
    print(train(**vars(parser.parse_args())))
