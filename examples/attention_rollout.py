"""
Show which moments of the first 45 seconds of a song the transformer attends to:
 python attention_rollout.py SONG attention.png [MODEL]

Attention is rolled out through the layers (Abnar and Zuidema, 2020, "Quantifying Attention Flow in Transformers", ACL):
each layer mixes tokens by the mean of its attention over the heads and of the residual connection, and the product over
the layers says how much each moment contributes to the pooled tokens. 1 is the share of a moment that counts as much as
every other. It shows where the tokens come from, not why a rating is high or low.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModel

from modeling_ast_va.audio_ast_va import decode
from modeling_ast_va.released import find_model

SECONDS = 45

path, output, *model_id = sys.argv[1:]
model_id = find_model(model_id[0] if model_id else "ast-va-deam")
model = AutoModel.from_pretrained(model_id, trust_remote_code=True, attn_implementation="eager").eval()
extractor = AutoFeatureExtractor.from_pretrained(model_id, trust_remote_code=True)
rate, size = extractor.sampling_rate, round(extractor.segment_seconds * extractor.sampling_rate)
waveform = decode(path, rate, duration_seconds=SECONDS)
segments = [waveform[start : start + size] for start in range(0, len(waveform) - size + 1, size)]
inputs = extractor(segments, sampling_rate=rate, return_tensors="pt")["input_values"]
with torch.inference_mode():
    outputs = model(inputs, output_attentions=True)

rollout = torch.eye(outputs.attentions[0].shape[-1])
for attention in outputs.attentions:  # (num_segments, num_heads, num_tokens, num_tokens)
    rollout = (attention.mean(dim=1) + torch.eye(attention.shape[-1])) / 2 @ rollout
num_prefix = model.config.num_prefix_tokens
shares = rollout[:, num_prefix:, num_prefix:].mean(dim=1)  # the pooled tokens: the mean over the patches
shares = (shares / shares.mean(dim=1, keepdim=True)).flatten().numpy()
log_mel = inputs.flatten(0, 1).numpy().T
seconds = len(segments) * extractor.segment_seconds

figure, (top, middle, bottom) = plt.subplots(
    3, 1, figsize=(11, 6.5), sharex=True, height_ratios=(3, 1.2, 1.2), layout="constrained"
)
top.imshow(log_mel, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, len(log_mel)))
top.set(ylabel="mel band", title="Log-mel spectrogram")
edges = np.linspace(0, seconds, len(shares) + 1)
middle.stairs(shares, edges, baseline=None, color="#009E73", linewidth=1.5)
middle.axhline(1, color="0.6", linestyle="--", linewidth=1)
middle.set(ylabel="share", title="Attention rolled out to the moments (1: as much as every other)")
for name, color in (("valence", "#0072B2"), ("arousal", "#D55E00")):
    ratings = getattr(outputs, name).repeat_interleave(shares.size // len(segments)).numpy()
    bottom.stairs(ratings, edges, baseline=None, color=color, label=name)
bottom.set(xlabel="time (s)", ylabel="rating", title="Ratings of the segments", xlim=(0, seconds))
bottom.set_ylim(*model.config.label_range)
bottom.legend(loc="upper right", ncols=2)
figure.savefig(output, dpi=110)
