# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The console command: its commands, its errors, and that the command line is parsed without torch."""

import logging
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from deam_folder import write_song

from modeling_ast_va import __version__, cli, commands
from modeling_ast_va.cli import main
from modeling_ast_va.commands import COMMANDS, split_models
from modeling_ast_va.hub.folder import save_hub_folder

SCRIPTS = Path(__file__).parents[1] / "scripts"
PARSE_ALL = """
import sys
from modeling_ast_va.cli import main
from modeling_ast_va.commands import COMMANDS

lines = [[], ["--version"], ["unknown"], *([command, flag] for command in COMMANDS for flag in ("--help", "--unknown"))]
lines += [["predict", "missing.mp3", "--output", "o.csv"], ["predict", ".", "--output", "o.xlsx"]]
for line in lines:
    try:
        main(line)
    except SystemExit:
        pass
print([name for name in ("torch", "transformers", "datasets", "librosa", "pandas") if name in sys.modules])
"""


@pytest.fixture
def failing(monkeypatch):
    """Make the command `demo` raise an error."""

    def fail(error):
        def command(parser, argv):
            raise error

        monkeypatch.setitem(COMMANDS, "demo", command)

    return fail


def error_of(capsys, argv, prog=None):
    """The only line that a wrong command line prints."""
    try:
        code = main(argv, prog)
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
    return printed.err.strip()


def test_command_lines_are_parsed_without_torch():
    parsed = subprocess.run([sys.executable, "-c", PARSE_ALL], capture_output=True, text=True, timeout=300, check=True)
    *printed, imported = parsed.stdout.splitlines()
    assert imported == "[]"
    helps = [line.split()[1:3] for line in printed if line.startswith("usage:")]
    assert helps == [["ast-va", "COMMAND"], *(["ast-va", command] for command in COMMANDS)]
    errors = parsed.stderr.splitlines()
    assert len(errors) == 1 + len(COMMANDS) + 2
    assert all(line.startswith("ast-va") and ": error: " in line for line in errors)


def test_without_arguments_the_commands_are_listed(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[1:-1]] == list(COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ast-va {__version__}\n"


def test_unknown_commands_and_flags_are_refused_with_a_suggestion(capsys):
    assert error_of(capsys, ["predcit"]).endswith("but got predcit. (did you mean predict?)")
    for flags, suggested in (
        (["predict", "a.mp3", "--output", "o.csv", "--num_worker", "1"], "--num_workers"),
        (["evaluate", "--modle", "m"], "--model"),
        (["train", "--learning_rat", "1"], "--learning_rate"),
    ):
        assert f"(did you mean {suggested}?)" in error_of(capsys, flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("predict --model m --output o.csv", "required: FILE_OR_FOLDER"),
        ("predict a.mp3", "required: --output"),
        ("evaluate", "--model, --folds or --baselines is required"),
        ("evaluate --model m", "--model needs --data_dir"),
        ("evaluate --model m --folds a b --data_dir d", "cannot be given together with --folds"),
        ("evaluate --folds a b --split test --labels published", "as they were trained, without --split, --labels"),
        ("evaluate --baselines --data_dir d", "need --data_dir and --output_dir"),
        ("evaluate --baselines --data_dir d --output_dir o --fold 1", "need --data_dir and --output_dir, without"),
        ("evaluate --model m --data_dir d --split dev", "invalid choice: 'dev'"),
        ("release --model m", "either --model and --output, or --refresh alone"),
        ("release --refresh r --output o", "either --model and --output, or --refresh alone"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(capsys, flags, message):
    command = flags.split()[0]
    error = error_of(capsys, flags.split())
    assert error.startswith(f"ast-va {command}: error: ")
    assert message in error
    assert error_of(capsys, flags.split(), prog="script.py").startswith("script.py: error: ")


@pytest.mark.parametrize(
    "error",
    [ValueError("Expected 1,\nbut got 2."), ImportError("Expected 1, but got 2."), OSError("Expected 1, but got 2.")],
)
def test_errors_of_the_user_are_one_line(capsys, caplog, failing, error):
    failing(error)
    assert error_of(capsys, ["demo"]) == "ast-va demo: error: Expected 1, but got 2."
    assert caplog.records == []


def test_the_traceback_is_logged_on_request(capsys, caplog, failing, monkeypatch):
    failing(ValueError("expected"))
    monkeypatch.setenv(cli.LOG_LEVEL_VARIABLE, "debug")
    caplog.set_level(logging.NOTSET, logger="modeling_ast_va")  # restored after the test
    error_of(capsys, ["demo"])
    assert [(record.levelno, record.exc_info[0]) for record in caplog.records] == [(logging.DEBUG, ValueError)]
    monkeypatch.delenv(cli.LOG_LEVEL_VARIABLE)
    failing(RuntimeError("unexpected"))
    with pytest.raises(RuntimeError, match="unexpected"):  # an error of this package keeps its traceback
        main(["demo"])


def test_the_package_logs_information_by_default(monkeypatch):
    monkeypatch.delenv(cli.LOG_LEVEL_VARIABLE, raising=False)
    package = logging.getLogger("modeling_ast_va")
    monkeypatch.setattr(package, "level", package.level)  # restored after the test
    assert main(["--version"]) == 0
    assert package.getEffectiveLevel() == logging.INFO


def test_an_interrupt_ends_without_a_traceback(capsys, failing):
    failing(KeyboardInterrupt())
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "ast-va demo: interrupted\n"


def test_the_released_model_is_the_default_where_it_exists(capsys, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("modeling_ast_va.prediction.run.predict", lambda model, paths, **options: calls.append(model))
    assert main(["predict", "a.mp3", "--output", "o.csv"]) == 0
    assert calls == [commands.RELEASED_MODEL]
    monkeypatch.setattr(commands, "RELEASED_MODEL", tmp_path)
    assert "required: --model, a folder or Hub id" in error_of(capsys, ["predict", "a.mp3", "--output", "o.csv"])


def test_benchmarks_are_part_of_the_repository_only(capsys, monkeypatch):
    monkeypatch.setattr(commands, "find_spec", lambda name: None)
    assert "Run python scripts/benchmark.py in a clone" in error_of(capsys, ["benchmark"])


def test_models_and_songs_are_given_in_any_order(model, feature_extractor, tmp_path):
    saved, song, output = (str(tmp_path / name) for name in ("model", "song.wav", "songs.csv"))
    save_hub_folder(model, feature_extractor, saved)
    write_song(Path(song), 2.0, frequency=300)
    for flags in (
        ["--model", saved, song, "--output", output],
        [song, "--model", saved, "--output", output],
        ["--model", saved, "--output", output, song],
        ["--model", saved, saved, song, "--output", output, "--dtype", "bfloat16", "--num_workers", "1"],
        ["--model", saved, "--model", saved, "--output", output, song],
    ):
        assert main(["predict", *flags, "--device", "cpu"]) == 0
        header, row = Path(output).read_text().splitlines()
        assert row.startswith(f"{song},")
        assert ("valence_spread" in header) == (flags.count(saved) == 2)
    assert split_models([["me/a", "me/b"], [saved, saved]]) == (["me/a", saved, saved], ["me/b"])


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda script: script.stem)
def test_scripts_are_commands(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(script), run_name="__main__")
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {script.name} ")
    assert f"scripts/{script.name}" in script.read_text()
