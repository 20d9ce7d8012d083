# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import pytest
from datasets import Dataset, DatasetDict

from modeling_ast_va.hub.protocol import DATA_SETTINGS, data_settings, unsplit_fingerprint

FOLD = {"labels": "published", "split_by": "song", "split_seed": 3, "num_folds": 5, "fold": 2, "validation_ratio": 0}


def settings(**changes):
    return {name: value for name, value in (FOLD | changes).items() if name != "split_seed"} | {"seed": 3}


def test_settings_are_those_given_or_else_those_of_the_protocol():
    protocol = {**FOLD, "seed": 42, "command": "accelerate launch"}
    assert data_settings(protocol) == settings()
    assert data_settings(protocol, fold=4, labels=None) == settings(fold=4)
    assert data_settings({}) == {name: value for name, value in DATA_SETTINGS.items() if name != "split_seed"} | {
        "seed": 42
    }
    assert data_settings({}, split_seed=0)["seed"] == 0


def test_another_kind_of_split_has_no_folds():
    other = {"num_folds": None, "fold": None, "validation_ratio": 0.1}
    assert data_settings(FOLD, split_by="mediaeval2015") == settings(split_by="mediaeval2015", **other)
    assert data_settings(FOLD, split_by="song") == settings()
    assert data_settings(FOLD, split_by="artist", num_folds=3, fold=0) == settings(
        split_by="artist", num_folds=3, fold=0, validation_ratio=0.1
    )


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match=r"settings out of labels, .*, but got seed"):
        data_settings({}, seed=1)


def segments(song_ids, labels=(5.0, 5.0), start_seconds=0.0):
    rows = [{"song_id": song, "start_seconds": start_seconds, "labels": list(labels)} for song in song_ids]
    return Dataset.from_list(rows)


def test_the_unsplit_fingerprint_tells_data_apart_and_not_splits():
    of = unsplit_fingerprint(DatasetDict({"train": segments([2, 4]), "test": segments([3])}))
    assert len(of) == 64
    assert of == unsplit_fingerprint(DatasetDict({"train": segments([2, 3, 4])}))
    assert of == unsplit_fingerprint(DatasetDict({"train": segments([3, 4]), "validation": segments([2])}))
    changed = [
        segments([2, 3, 5]),
        segments([2, 3, 4], labels=(5.0, 6.0)),
        segments([2, 3, 4], start_seconds=1.0),
    ]
    assert len({of, *(unsplit_fingerprint(DatasetDict({"train": other})) for other in changed)}) == 4
