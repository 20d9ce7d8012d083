# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Plots of training, of predictions against ratings, of intervals, and of the course of a song, as PNG files.

Every function builds its own figure without the global state of pyplot, so that it works without a display and inside
other programs; it writes the file, in a folder that is created if it is missing, and returns the figure. The colours
are those of Okabe and Ito, which people with colour vision deficiencies can tell apart.
"""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "training": ["plot_loss_curves"],
        "evaluation": ["plot_predictions", "plot_residuals", "plot_valence_arousal_plane", "save_evaluation_plots"],
        "intervals": ["plot_coverage"],
        "course": ["plot_course"],
    },
)
