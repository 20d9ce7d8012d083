# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The server of the app, with a folder of uploads that it removes at its end."""

from __future__ import annotations

import os
import signal
import threading
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..prediction.loading import load_pipeline
from ..released import RELEASED_MODEL
from .uploads import MAX_BYTES, SWEEP_SECONDS, delete_old

HOST = "127.0.0.1"
MAX_WAITING = 100  # people in the queue; the next one is told to come back later
# Read by gradio when it is imported, or when the page is built.
SETTINGS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def check_gradio() -> None:
    """Raise an ImportError, which says what to install, where gradio is missing."""
    if find_spec("gradio") is None:
        raise ImportError('Expected the package gradio: pip install "modeling-ast-va[app]"')


def launch(
    model: str | Path = RELEASED_MODEL,
    *,
    host: str = HOST,
    port: int | None = None,
    num_workers: int = 1,
    device: str | None = None,
    in_browser: bool = False,
) -> None:
    """
    Serve the app until the process is interrupted (Ctrl-C) or terminated.

    Uploads are in a temporary folder. Each is deleted once it is rated, and the folder at the end.

    Args:
        model: folder or Hub id.
        host: address to bind to: only this machine can reach the default; `"0.0.0.0"` is every address.
        port: to bind to; None is the first free one from 7860 on.
        num_workers: songs that are rated at the same time; other people see their place in the queue.
        device: such as `"cuda:0"`; None is the choice of transformers.
        in_browser: whether to open a browser.

    Raises:
        ImportError: if gradio is not installed.
        ValueError: for a model that cannot be loaded.
        OSError: for a port that is not free.
    """
    check_gradio()
    os.environ.update(SETTINGS)
    music_emotion = load_pipeline(model, device)
    with TemporaryDirectory(prefix="ast-va-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        from .interface import Interface  # imports gradio, which takes seconds and reads the settings
        from .ratings import Rater

        interface = Interface(Rater(music_emotion), Path(folder), num_workers)
        blocks = interface.build().queue(max_size=MAX_WAITING, api_open=False)
        try:
            blocks.launch(
                **interface.launch_options(),
                **_server_options(host, port),
                inbrowser=in_browser,
                allowed_paths=[],
                prevent_thread_lock=True,
            )
            print(f"The app is at {blocks.local_url} (Ctrl-C ends it).", flush=True)
            _wait(Path(folder))
        finally:
            blocks.close(verbose=False)


def _server_options(host: str, port: int | None) -> dict[str, Any]:
    """What `Blocks.launch` gets beside the look: no link to share, no traces in the browser, limits of uploads."""
    return {
        "server_name": host,
        "server_port": port,
        "share": False,
        "quiet": True,
        "show_error": False,  # errors of the app are in the log, not on the page
        "max_file_size": MAX_BYTES,
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "mcp_server": False,
        "pwa": False,
        "enable_monitoring": False,
    }


def _wait(folder: Path) -> None:
    """Wait for Ctrl-C, or for the signal that ends a process, and delete old uploads meanwhile."""
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    while not ended.wait(SWEEP_SECONDS):
        delete_old(folder)
