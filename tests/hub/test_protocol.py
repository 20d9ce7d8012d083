# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import pytest
from datasets import Dataset, DatasetDict
from hub_folder import PROTOCOL

from modeling_ast_va.data.splits import SplitSettings
from modeling_ast_va.hub.protocol import release_commands, trained_split, training_command, unsplit_fingerprint

FOLD = {"labels": "published", "split_by": "song", "split_seed": 3, "num_folds": 5, "fold": 2, "validation_ratio": 0}


def split(**changes) -> SplitSettings:
    settings = {"split_by": "song", "seed": 3, "num_folds": 5, "fold": 2, "validation_ratio": 0}
    return SplitSettings(**(settings | changes))


def test_settings_are_given_or_else_those_of_the_protocol():
    protocol = {**FOLD, "seed": 42, "command": "accelerate launch"}
    assert trained_split(protocol) == ("published", split())
    assert trained_split(protocol, fold=4, labels=None) == ("published", split(fold=4))
    assert trained_split({}) == ("corrected", SplitSettings())
    assert trained_split({}, split_seed=0, labels="published") == ("published", SplitSettings(seed=0))


def test_another_kind_of_split_has_no_folds():
    assert trained_split(FOLD, split_by="mediaeval2015")[1] == SplitSettings(split_by="mediaeval2015", seed=3)
    assert trained_split(FOLD, split_by="song")[1] == split()
    assert trained_split(FOLD, split_by="artist", num_folds=3, fold=0)[1] == SplitSettings(
        split_by="artist", seed=3, num_folds=3, fold=0
    )


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"settings out of labels, .*, but got seed"):
        trained_split({}, seed=1)


def segments(song_ids, labels=(5.0, 5.0), start_seconds=0.0):
    rows = [{"song_id": song, "start_seconds": start_seconds, "labels": list(labels)} for song in song_ids]
    return Dataset.from_list(rows)


def test_the_unsplit_fingerprint_depends_on_the_data_and_not_on_the_split():
    fingerprint = unsplit_fingerprint(DatasetDict({"train": segments([2, 4]), "test": segments([3])}))
    assert len(fingerprint) == 64
    assert fingerprint == unsplit_fingerprint({"train": segments([2, 3, 4])})
    assert fingerprint == unsplit_fingerprint({"train": segments([3, 4]), "validation": segments([2])})
    changed = [
        segments([2, 3, 5]),
        segments([2, 3, 4], labels=(5.0, 6.0)),
        segments([2, 3, 4], start_seconds=1.0),
    ]
    assert len({fingerprint, *(unsplit_fingerprint({"train": other}) for other in changed)}) == 4


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["scripts/train.py", "a b.json", "--seed", "1"], "accelerate launch scripts/train.py 'a b.json' --seed 1"),
        (["/somewhere/bin/ast-va", "train", "--seed", "1"], "ast-va train --seed 1"),
        (["train.py", "--hub_token", "hf_secret", "--seed=1"], "accelerate launch train.py --seed=1"),
    ],
)
def test_the_command_is_recorded_without_token_and_installation_folder(argv, command):
    assert training_command(argv) == command


def test_commands_of_a_release_repeat_the_recorded_training():
    command = (
        "accelerate launch scripts/train.py deam.json --data_dir 'my DEAM' --audio_offset_seconds 30 --split_by none "
        "--bf16 true --output_dir elsewhere --push_to_hub"
    )
    folds = {"num_folds": 2, "split_by": "artist", "split_seed": 7, "validation_ratio": 0.0}
    report = {"protocol": folds, "systems": {"model": {"song": {}, "segment": {}}, "constant mean": {"song": {}}}}
    train = "accelerate launch scripts/train.py deam.json --data_dir 'my DEAM' --audio_offset_seconds 30 --bf16 true"
    assert release_commands({**PROTOCOL, "command": command}, report, "mood") == [
        f"for fold in 0 1; do\n    {train} \\\n        --split_by artist --split_seed 7 --num_folds 2 --fold $fold "
        "--validation_ratio 0 --output_dir outputs/mood/fold-$fold\ndone",
        "python scripts/evaluate.py --folds outputs/mood/fold-* --data_dir 'my DEAM' --baselines",
        f"{train} \\\n    --split_by none --output_dir outputs/mood/all",
        "python scripts/release.py --model outputs/mood/all --cross_validation outputs/mood/cross_validation "
        "--data_dir 'my DEAM' --output hub/mood",
    ]


def test_commands_of_a_release_are_those_of_the_console_and_of_the_demo():
    folds = {"num_folds": 2, "split_by": "artist", "split_seed": 42, "validation_ratio": 0.1}
    report = {"protocol": folds, "systems": {"model": {"song": {}, "segment": {}}}}
    protocol = {**PROTOCOL, "dataset": "demo songs", "command": "ast-va train --seed 1"}
    commands = release_commands(protocol, report, "mood")
    assert commands[1] == "ast-va evaluate --folds outputs/mood/fold-* --data_dir data/demo_deam"
    assert commands[2] == "ast-va train --seed 1 \\\n    --split_by none --output_dir outputs/mood/all"
    assert commands[3].startswith("ast-va release --model outputs/mood/all ")
