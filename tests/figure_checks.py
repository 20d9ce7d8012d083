# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What the tests of plots share."""

import matplotlib.image

from modeling_ast_va.plots.figures import DPI


def assert_is_whole(figure, path):
    """Check that the file has the size of the figure, is not blank, and cuts off no label."""
    image = matplotlib.image.imread(path)
    width, height = figure.get_size_inches()
    assert image.shape[:2] == (round(height * DPI), round(width * DPI))
    assert image[..., :3].std() > 0.01
    x0, y0, x1, y1 = figure.get_tightbbox().extents
    assert min(x0, y0) >= 0
    assert x1 <= width
    assert y1 <= height


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}
