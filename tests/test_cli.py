# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The console command: its commands, its errors, and that the command line is parsed without torch."""

import logging
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from deam_folder import SONGS_2000_2058, write_deam

from modeling_ast_va import __version__, cli
from modeling_ast_va.cli import main
from modeling_ast_va.commands import COMMANDS
from modeling_ast_va.processes import check_device
from modeling_ast_va.released import RELEASED, find_model

SCRIPTS = Path(__file__).parents[1] / "scripts"
PARSE_ALL = """
import sys
from modeling_ast_va.cli import main
from modeling_ast_va.commands import COMMANDS

lines = [[], ["--version"], ["unknown"], *([command, flag] for command in COMMANDS for flag in ("--help", "--unknown"))]
lines += [["predict", "missing.mp3", "--output", "o.csv"], ["predict", ".", "--output", "o.xlsx"]]
lines += [line.split() for line in sys.argv[1:]]
for line in lines:
    try:
        main(line)
    except SystemExit:
        pass
print([name for name in ("torch", "transformers", "datasets", "librosa") if name in sys.modules])
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


# Wrong command lines in the folder of `places`, and what is said.
WRONG = [
    ("predict a.mp3 --output o.csv --model ./missing", "but got './missing', which is no folder"),
    ("predict a.mp3 --output o.csv --model vit", "Expected model_type 'ast_va' in 'vit/config.json', but got 'vit'"),
    ("predict a.mp3 --output empty --model me/a", "Expected a file to write, but got 'empty', which is a folder"),
    ("predict a.mp3 --output file/o.csv --model me/a", "file' is no folder"),
    ("predict a.mp3 --output o.csv --device gpu", "expected a device such as cpu or cuda:0, but got 'gpu'"),
    ("predict a.mp3 --output o.csv --dtype int8", "invalid choice: 'int8'"),
    ("predict a.mp3 --output o.csv --segment_hop_seconds nan", "expected a number above 0, but got 'nan'"),
    ("predict a.mp3 --output o.csv --num_workers 9999999999", "expected a whole number of at least 1"),
    ("playlist missing.csv --sort -valence --output p.m3u8", "a table that predict writes, but got 'missing.csv'"),
    ("playlist file --output p.m3u8", "Expected a table ending in .csv, .jsonl, .parquet, but got 'file'"),
    ("playlist missing.csv --output p.pls", "Expected a playlist ending in .m3u8 or .m3u, but got 'p.pls'"),
    ("map missing.csv --output map.htm", "Expected a page ending in .html, but got 'map.htm'"),
    ("map missing.csv --output file/map.html", "file' is no folder"),
    ("tag missing.csv", "a table that predict writes, but got 'missing.csv', which is no file"),
    ("train --data_dir missing", "data_dir to be the folder of DEAM, but 'missing' is not a folder"),
    ("train --data_dir empty", "DEAM in 'empty'"),
    ("train --data_dir deam", "static_annotations_averaged_songs_2000_2058.csv' in 'deam', but there is no such file"),
    ("train --data_dir whole --data_csv a.csv", "Expected either data_dir or data_csv, but got 'whole' and 'a.csv'"),
    ("train --data_dir whole --label_range 0 1", "Expected audio_dir and label_range with data_csv only"),
    ("train --data_csv missing.csv", "missing.csv"),
    ("train --data_csv a.csv --label_range 5 1", "from the lowest to the highest rating, but got 5 1"),
    ("train --data_csv a.csv --label_range 5", "--label_range: expected 2 arguments"),
    ("train --log_mels memory", "--log_mels: invalid choice: 'memory'"),
    (
        "train missing.json",
        "a recipe out of deam.json, deam_fast.json, deam_pretrained.json, demo.json, finetune.json, "
        "notebook.json, pretrain.json, but got 'missing.",
    ),
    ("train empty/deam_fast.json", "but got 'empty/deam_fast.json'. (did you mean deam_fast.json?)"),
    ("predict a.mp3 --output o.csv --model ast-va-encoder", "an encoder without ratings: train --init_from gives it"),
    ("pretrain --data_csv a.csv", "unrecognized arguments: --data_csv a.csv"),
    (
        "pretrain deam_fast.json",
        "a recipe of flags that ast-va pretrain has, but got concordance_weight, dynamic_",
    ),
    ("pretrain", "a folder of music and one or more teachers, but got unlabeled_dir None and teachers None"),
    ("train --num_folds 5", "num_folds of 2 or more together with a fold"),
    ("train --fold 1", "num_folds of 2 or more together with a fold"),
    ("train --num_folds 5 --fold 5", "but got num_folds=5 and fold=5"),
    ("train --num_fold 5 --fold 1", "did you mean --num_folds?"),
    ("train --output_dir file", "Expected a folder to write, but got 'file', which is a file"),
    ("train --output_dir file/run", "file' is no folder"),
    ("train --cache_dir file", "Expected a folder to write, but got 'file', which is a file"),
    ("train --init_from missing/", "folder or Hub id of a model, but got 'missing/', which is no folder"),
    ("train --init_from empty", "folder or Hub id of a model, but got 'empty', which has no config.json"),
    ("train --teacher_embeddings missing.npz --teacher_weight 1", "but got 'missing.npz', which is no file"),
    ("train --report_to nowhere", "Expected report_to out of "),
    ("train --push_to_hub --hub_model_id a--b", "Cannot have -- or .. in repo_id: 'a--b'"),
    ("evaluate --model missing --data_dir whole", "but got 'missing', which is no folder"),
    ("evaluate --model broken --data_dir whole", "Expected a JSON file in 'broken/config.json'"),
    ("evaluate --model listed --data_dir whole", "Expected a JSON object in 'listed/config.json', but got a list"),
    ("evaluate --model vit --data_dir whole", "Expected model_type 'ast_va' in 'vit/config.json', but got 'vit'"),
    ("evaluate --model vit --data_csv missing.csv", "Expected a table of ratings, but got 'missing.csv', which is no"),
    ("evaluate --model vit --data_csv file", "Expected a table that ends with .csv, .tsv, .jsonl, .parquet, but got"),
    ("evaluate --baselines --data_dir whole --audio_dir . --output_dir o", "audio_dir and label_range with data_csv"),
    ("release --model vit --output o --data_csv missing.csv", "Expected a table of ratings, but got 'missing.csv'"),
    ("evaluate --model vit --data_dir missing", "but 'missing' is not a folder"),
    ("evaluate --model vit --data_dir whole --batch_size 0", "expected a whole number of at least 1, but got '0'"),
    ("evaluate --folds missing", "missing has no protocol.json, segment_predictions.csv"),
    ("embed a.mp3 --model ./missing --output o.npz", "but got ./missing, which is no folder"),
    ("embed a.mp3 --model me/a --output o.csv", "Expected an output file ending in .npz, but got 'o.csv'"),
    ("embed a.mp3 --model me/a --output empty", "Expected a file to write, but got 'empty', which is a folder"),
    ("embed a.mp3 --model me/a --output o.npz --pooling max", "invalid choice: 'max'"),
    ("embed a.mp3 --model me/a --output o.npz --layer 1.5", "expected a whole number, but got '1.5'"),
    ("release --model missing --output o", "but got 'missing', which is no folder"),
    ("release --model tiny --output o", "tiny has no protocol.json, model.safetensors"),
    ("push --model missing --repo_id me/a", "missing has no README.md, config.json"),
    ("push --model missing --repo_id me/a.git", "Repo_id cannot end by '.git': 'me/a.git'"),
    ("push --model missing --repo_id a/b/c", "'owner/name' or 'name'"),
    ("push --model missing --repo_id me/a --revision ../main", "Expected the name of a branch"),
    ("convert missing.pth --output o", "a checkpoint of torch.save, but got 'missing.pth', which is no file"),
    ("convert file --output file", "Expected a folder to write, but got 'file', which is a file"),
    ("convert file --output o --num_mel_bins -1", "expected a whole number of at least 1, but got '-1'"),
    ("demo --output_dir file", "Expected a folder to write, but got 'file', which is a file"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Some files and folders that commands cannot use, and a folder of DEAM that they can."""
    folder = tmp_path_factory.mktemp("places")
    write_deam(folder / "whole", {2: 0, 2001: 0})
    write_deam(folder / "deam", {2: 0})
    (folder / "deam" / SONGS_2000_2058).unlink()
    (folder / "file").touch()
    (folder / "empty").mkdir()
    for name, config in (("broken", "{"), ("listed", "[]"), ("vit", '{"model_type": "vit"}')):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(config)
    (folder / "tiny").mkdir()
    (folder / "tiny" / "config.json").write_text('{"model_type": "ast_va"}')
    return folder


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line for line, _ in WRONG])
def test_what_cannot_work_is_refused_in_one_line(capsys, monkeypatch, places, line, message):
    monkeypatch.chdir(places)
    assert message in error_of(capsys, line.split())


LOGGED = ("WARNING: Without --data_dir", "INFO: The recipe is")  # before an error


def test_command_lines_are_checked_without_torch(places):
    command = [sys.executable, "-c", PARSE_ALL, *(line for line, _ in WRONG)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent)}
    parsed = subprocess.run(
        command, cwd=places, env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    *printed, imported = parsed.stdout.splitlines()
    assert imported == "[]"
    helps = [line.split()[1:3] for line in printed if line.startswith("usage:")]
    assert helps == [["ast-va", "COMMAND"], *(["ast-va", command] for command in COMMANDS)]
    errors = [line for line in parsed.stderr.splitlines() if not line.startswith(LOGGED)]
    assert len(errors) == 1 + len(COMMANDS) + 2 + len(WRONG)
    assert all(line.startswith("ast-va") and ": error: " in line for line in errors)


def test_devices_are_those_of_this_machine(monkeypatch):
    monkeypatch.setattr("modeling_ast_va.processes.accelerators", lambda: ["cuda:0", "cuda:1"])
    for name in ("cpu", "cuda", "cuda:1"):
        check_device(name)
    with pytest.raises(ValueError, match="Expected a device out of cpu, cuda:0, cuda:1, but got 'cuda:2'"):
        check_device("cuda:2")


def test_training_on_demo_songs_is_announced_first(caplog, monkeypatch):
    def train(arguments):
        assert "Without --data_dir or --data_csv, training uses synthesised demo songs" in caplog.text
        started.append(arguments.data.data_dir)

    started = []
    monkeypatch.setattr("modeling_ast_va.training.run.train", train)
    assert main(["train"]) == 0
    assert started == [None]


def test_without_arguments_the_commands_are_listed(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[1:]] == list(COMMANDS)
    assert all(len(line) < 100 for line in printed.splitlines())
    module = subprocess.run([sys.executable, "-m", "modeling_ast_va"], capture_output=True, text=True, check=True)
    assert module.stdout == printed
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
        ("evaluate", "--model, --folds or --baselines is required"),
        ("evaluate --model m", "--model needs --data_dir"),
        ("evaluate --model m --folds a b --data_dir d", "cannot be given together with --folds"),
        ("evaluate --folds a b --split test --labels published", "as they were trained, without --split, --labels"),
        ("evaluate --baselines --data_dir d", "need --data_dir or --data_csv, and --output_dir"),
        ("evaluate --baselines --data_dir d --output_dir o --fold 1", "and --output_dir, without"),
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


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda script: script.stem)
def test_scripts_are_commands(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(script), run_name="__main__")
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {script.name} ")
    assert f"scripts/{script.name}" in script.read_text()


def test_the_released_model_has_a_name_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, folder in RELEASED.items():
        assert find_model(name) == str(folder)
    assert find_model("me/ast-va-deam") == "me/ast-va-deam"
    (tmp_path / "ast-va-deam").mkdir()
    assert find_model("ast-va-deam") == "ast-va-deam"  # a folder of that name is that folder
