# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What Ray's processes run in tests: songs that end the process that rates them, and slow ones."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from modeling_ast_va.prediction import rated_parts, ray_engine
from modeling_ast_va.prediction.ray_workers import SongRater


class FragileRater(SongRater):
    """Ends like a decoder that crashes, for songs named `crash`."""

    def rate(self, path):
        if "crash" in Path(path).name:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().rate(path)


class SlowRater(SongRater):
    """Takes half a second more for each song, and leaves the id of its node beside it."""

    def rate(self, path):
        import ray

        Path(path).with_name(f".{ray.get_runtime_context().get_node_id()}").touch()
        time.sleep(0.5)
        return super().rate(path)


def rate_slowly(*arguments: str, **options) -> None:
    """Rate with a file of results for each task."""
    ray_engine.SongRater = SlowRater
    rated_parts.SECONDS_PER_PART = 0.0
    ray_engine.predict_with_ray(*arguments, **options)


if __name__ == "__main__":  # a driver that can be killed: address, model, music, output
    from ray_songs import rate_slowly as rate  # so that Ray's processes find the class by this name

    rate(sys.argv[2], [sys.argv[3]], sys.argv[4], ray_address=sys.argv[1], num_workers=1)
