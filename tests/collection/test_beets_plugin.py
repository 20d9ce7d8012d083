# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plugin of beets, with a library of beets."""

import pytest
from deam_folder import write_song

from modeling_ast_va.collection.file_tags import FileTags
from modeling_ast_va.collection.tagging import tag_file
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.released import RELEASED_MODEL

beets = pytest.importorskip("beets")

from beets import ui  # noqa: E402
from beets.library import Item  # noqa: E402

from beetsplug.ast_va import ASTVAPlugin  # noqa: E402

CONFIG = """
directory: {0}/library
library: {0}/library.db
plugins: ast_va
paths: {{default: $length}}
import: {{write: no}}
ast_va: {{model: {0}/model, write: yes}}
"""
SECONDS = {"a": 2.0, "b": 3.0, "short": 0.2}


@pytest.fixture
def beet(model, feature_extractor, tmp_path, monkeypatch, capsys, caplog):
    """Run a command of beets; returns the lines that it prints and logs."""

    def run(*arguments):
        capsys.readouterr()
        caplog.clear()
        ui.main(list(arguments))
        return [*capsys.readouterr().out.splitlines(), *(record.message for record in caplog.records)]

    save_hub_folder(model, feature_extractor, tmp_path / "model")
    (tmp_path / "new").mkdir()
    for name, seconds in SECONDS.items():
        write_song(tmp_path / "new" / f"{name}.mp3", seconds, frequency=300 * seconds)
    (tmp_path / "config.yaml").write_text(CONFIG.format(tmp_path))
    monkeypatch.setenv("BEETSDIR", str(tmp_path))
    beets.config.clear()
    beets.config.read()
    return run


def test_a_library_is_rated_on_import_and_by_the_command(beet, tmp_path):
    new = sorted((tmp_path / "new").iterdir())
    contents = [path.read_bytes() for path in new]
    error = "expected at least 0.5 s of audio, but got 0.200 s."
    logged = beet("import", "-q", "-A", str(tmp_path / "new"))
    assert [line for line in logged if line.startswith("not ")] == [f"not rated: {tmp_path}/library/0_00.mp3: {error}"]
    assert [path.read_bytes() for path in new] == contents  # only the files of the library are tagged

    music_emotion = load_pipeline(tmp_path / "model")
    expected = [music_emotion(str(path)) for path in new[:2]]
    low, high = sorted(song["valence"] for song in expected)
    assert high - low > 1e-4
    form = ["-f", "$length $quadrant", "length+"]
    assert beet("ls", *form) == [
        "0:00 $quadrant",
        *(f"0:0{2 + i} {song['quadrant']}" for i, song in enumerate(expected)),
    ]
    assert len(beet("ls", f"valence:{(low + high) / 2:.6f}..")) == 1
    assert len(beet("ls", f"valence:{low - 1e-3:.6f}..{high + 1e-3:.6f}")) == 2
    assert len(beet("ls", f"quadrant:{expected[0]['quadrant']}")) >= 1
    assert sorted(len(FileTags(path).read()) for path in (tmp_path / "library").iterdir()) == [0, 3, 3]
    assert beet("update") == []

    assert beet("ast-va", "length:1..") == []
    assert beet("ast-va")[-1] == "rated 0 songs, 1 errors"
    assert beet("ast-va", "--force")[-1] == "rated 2 songs, 1 errors"
    beets.config["ast_va"]["write"] = False
    for path in (tmp_path / "library").iterdir():
        tag_file(str(path), {})
    beet("ast-va", "--force", "length:1..")
    assert not any(FileTags(path).read() for path in (tmp_path / "library").iterdir())


def test_the_configuration(monkeypatch):
    events = []
    monkeypatch.setattr(ASTVAPlugin, "register_listener", lambda plugin, event, function: events.append(event))
    beets.config.clear()
    assert ASTVAPlugin().config["model"].get() == str(RELEASED_MODEL)
    assert "import_task_files" in events
    events.clear()
    beets.config["ast_va"] = {"auto": False, "model": "./missing"}
    plugin = ASTVAPlugin()
    assert "import_task_files" not in events
    with pytest.raises(ui.UserError, match=r"ast_va: .*but got './missing', which is no folder"):
        plugin.rate([Item(path=b"a.mp3")])
