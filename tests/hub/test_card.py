# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.

import re

import pytest
from hub_folder import PROTOCOL, RESULTS, tiny_model, write_hub_folder
from huggingface_hub import ModelCard

from modeling_ast_va.hub.card import render_model_card, write_model_card
from modeling_ast_va.hub.files import write_json
from modeling_ast_va.hub.folder import PLACEHOLDER_REPO_ID


def card_of(tmp_path, protocol=PROTOCOL, results=RESULTS) -> ModelCard:
    return ModelCard(render_model_card(write_hub_folder(tmp_path / "model", protocol, results), "me/mood"))


def text_of(*args, **kwargs) -> str:
    """The text of a card, with the padding of its tables removed."""
    return re.sub(" +", " ", card_of(*args, **kwargs).text)


def test_metadata(tmp_path):
    data = card_of(tmp_path).data
    assert (data.library_name, data.pipeline_tag, data.license) == (
        "transformers",
        "audio-classification",
        "cc-by-nc-4.0",
    )
    assert data.model_name == "mood"
    assert data.base_model is None
    assert {"music", "emotion", "valence", "arousal", "music-emotion-recognition"} <= set(data.tags)
    assert "audio-spectrogram-transformer" in data.tags


def test_metadata_holds_the_test_metrics_as_measured(tmp_path):
    results = card_of(tmp_path).data.eval_results
    stated = {result.metric_name: result.metric_value for result in results}
    expected = {}
    for unit, prefix in (("song", "test_song_"), ("segment", "test_")):
        for dimension in ("valence", "arousal"):
            for metric, name in (("ccc", "CCC"), ("r2", "R2"), ("pearson_r", "Pearson r"), ("rmse", "RMSE")):
                expected[f"{dimension.capitalize()} {name}, per {unit}"] = RESULTS[f"{prefix}{dimension}_{metric}"]
    assert stated == expected  # to the last digit
    assert len(results) == 16
    for result in results:
        assert result.task_type == "audio-classification"
        assert result.task_name == "Music emotion regression (valence, arousal)"
        assert (result.dataset_name, result.dataset_split) == ("DEAM", "test")
        assert result.dataset_args == {"labels": "corrected", "split_by": "artist", "segment_seconds": 1.0}


def test_card_does_not_change_when_read_and_written_again(tmp_path):
    content = render_model_card(write_hub_folder(tmp_path / "model"))
    assert ModelCard(content).content == content
    assert ModelCard(ModelCard(content).content).data.to_dict() == ModelCard(content).data.to_dict()


def test_text_states_results_data_and_protocol(tmp_path):
    text = text_of(tmp_path)
    row = " | ".join(f"{RESULTS[f'test_song_arousal_{metric}']:.3f}" for metric in ("ccc", "r2", "pearson_r", "rmse"))
    assert f"| arousal, per song | {row} |" in text
    assert f"{tiny_model()[0].num_parameters():,} parameters" in text
    assert "11 songs in 22 segments" in text
    assert "train 80 (160), validation 10 (20), test 11 (22)" in text
    assert "| 2 to 1000 | 744 | 0.575 | 0.956 | 0.570 | 0.949 | exchanged |" in text
    assert "on the **corrected** columns" in text
    assert "all songs of an artist are on one side" in text
    assert (
        f"## Reproduce\n\nWith the package `modeling_ast_va` and the data:\n\n```bash\n{PROTOCOL['command']}\n```"
        in text
    )
    assert PROTOCOL["dataset_fingerprint"] in text
    assert "10.1371/journal.pone.0173392" in text
    assert 'model="me/mood", trust_remote_code=True' in text


def test_a_table_of_ratings_is_described_with_its_scale(tmp_path):
    table = {"dataset": "mine.csv", "labels": None, "split_by": "column", "label_range": [-1, 1], "label_audit": []}
    card = card_of(tmp_path, PROTOCOL | table | {"license": "unknown"})
    text = " ".join(card.text.split())
    assert "The ratings of `mine.csv`, a table of 101 songs." in text
    assert "on a scale from -1 to 1, and mapped linearly to 1 to 9: a point of this card is 0.25 on the scale" in text
    assert "column: the split that the table states" in text
    assert "DEAM contains" not in text
    (result, *_) = card.data.eval_results
    assert (result.dataset_type, result.dataset_args["split_by"]) == ("mine.csv", "column")
    assert "labels" not in result.dataset_args
    same_scale = text_of(tmp_path / "same", PROTOCOL | table | {"label_range": [1, 9]})
    assert "mapped linearly" not in same_scale


@pytest.mark.parametrize("without", [("protocol", "results"), ("results",), ("protocol",)])
def test_card_states_what_was_not_recorded(without, tmp_path):
    card = card_of(tmp_path, **dict.fromkeys(without))
    assert ("None were measured" in card.text) == ("results" in without)
    assert (card.data.eval_results is None) == ("results" in without)
    assert ("Training not recorded" in card.text) == ("protocol" in without)
    assert ("DEAM contains" in card.text) == ("protocol" not in without)
    assert (card.data.license == "unknown") == ("protocol" in without)


def test_metrics_that_were_not_measured_are_left_out(tmp_path):
    measured = {key: value for key, value in RESULTS.items() if "song" not in key and "ccc" in key}
    assert {result.metric_type for result in card_of(tmp_path, results=measured).data.eval_results} == {"ccc"}
    text = text_of(tmp_path, results=measured)
    assert "per song |" not in text
    assert f"| valence, per segment | {RESULTS['test_valence_ccc']:.3f} | - | - | - |" in text


def test_validation_metrics_are_not_results(tmp_path):
    card = card_of(tmp_path, results={key: value for key, value in RESULTS.items() if key.startswith("eval_")})
    assert card.data.eval_results is None
    assert "None were measured" in card.text


@pytest.mark.parametrize(
    ("changes", "stated", "not_stated"),
    [
        ({"labels": "published"}, "columns **as published**", "on the **corrected** columns"),
        ({"split_by": "segment"}, "**These results leak**", "all songs of an artist"),
        ({"split_by": "song"}, "but an artist may be on both", "**These results leak**"),
        ({"split_by": "mediaeval2015"}, "tested on songs 2001 to 2058", "all songs of an artist"),
        ({"dataset": "demo songs", "license": "apache-2.0"}, "without any real music", "static_annotations"),
        ({"base_model": "lab/ast-audioset"}, "`lab/ast-audioset`", "random weights"),
        ({"base_model": None}, "random weights", "`lab/ast-audioset`"),
        ({"label_audit": []}, "show it.", "Pearson's r"),
    ],
)
def test_text_follows_the_protocol(changes, stated, not_stated, tmp_path):
    text = text_of(tmp_path, PROTOCOL | changes)
    assert stated in text
    assert not_stated not in text


def test_undecided_audit_has_no_number(tmp_path):
    row = PROTOCOL["label_audit"][0] | {"first_id": 2001, "last_id": 2058, "num_songs": 0, "verdict": "undecided"}
    row |= {name: None for name in row if name.startswith(("valence_", "arousal_"))}
    text = text_of(tmp_path, PROTOCOL | {"label_audit": [row]})
    assert "| 2001 to 2058 | 0 | - | - | - | - | undecided |" in text


@pytest.mark.parametrize(
    ("base_model", "stated"),
    [("lab/ast-audioset", "lab/ast-audioset"), ("/data/ast", None), ("ast", None), (".", None)],
)
def test_only_an_address_on_the_hub_is_a_base_model(base_model, stated, tmp_path):
    assert card_of(tmp_path, PROTOCOL | {"base_model": base_model}).data.base_model == stated


def test_a_folder_is_not_a_base_model_on_the_hub(tmp_path, monkeypatch):
    (tmp_path / "outputs" / "earlier").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert card_of(tmp_path, PROTOCOL | {"base_model": "outputs/earlier"}).data.base_model is None


HOSTILE = (
    'x\n\n---\n# <script>alert(1)</script> ```\n` | ![i](javascript:1) {{ 7 * 7 }} "quoted" \ud800 \u202e \x1b[31m'
    + "y" * 10**5
)


@pytest.mark.parametrize(
    "name",
    ["dataset", "license", "base_model", "split_by", "dataset_fingerprint", "labels"],
)
def test_text_of_the_protocol_is_shown_and_never_markup(name, tmp_path):
    plain, hostile = (card_of(tmp_path / of, PROTOCOL | {name: value}) for of, value in (("p", "x"), ("h", HOSTILE)))
    assert_no_markup(plain, hostile)


@pytest.mark.parametrize("name", ["name", "model_fingerprint", "sha256", "fingerprint", "num_songs"])
def test_text_about_teachers_is_shown_and_never_markup(name, tmp_path):
    def protocol(text):
        values = dict.fromkeys(["name", "sha256", "fingerprint", "num_songs"], "0") | {name: text}
        return PROTOCOL | {
            "distillation": {
                "teachers": [
                    {
                        "name": values["name"],
                        "model_fingerprint": values.get("model_fingerprint", "1"),
                        "sha256": [values["sha256"]],
                    }
                ],
                "unlabeled": {key: values.get(key, 1) for key in ("num_songs", "num_segments", "fingerprint")},
                "augmented_windows": {"num_used": 1234},
            }
        }

    plain, hostile = (card_of(tmp_path / of, protocol(text)) for of, text in (("p", "x"), ("h", HOSTILE)))
    assert_no_markup(plain, hostile)


def assert_no_markup(plain, hostile):
    assert hostile.data.to_dict().keys() == plain.data.to_dict().keys()
    assert headings(hostile.text) == headings(plain.text)
    assert hostile.text.count("\n") == plain.text.count("\n")
    outside = re.sub(r"(`+) .*? \1", "", hostile.text)  # of code spans with spaces, which hold other backticks
    assert "<script>" not in outside
    assert "![i](" not in outside
    assert len(hostile.content) < len(plain.content) + 20_000


@pytest.mark.parametrize("value", [{"<b>": "<b>"}, {"a\n# b": "`"}])
def test_versions_are_shown_and_never_markup(value, tmp_path):
    text = text_of(tmp_path, PROTOCOL | {"versions": value})
    assert "<b>" not in text
    assert "\n# b" not in text


def test_a_command_cannot_leave_its_block(tmp_path):
    command = "ast-va train --data_dir '\n```\n# Heading <script>'"
    text = card_of(tmp_path, PROTOCOL | {"command": command}).text
    assert f"````bash\n{command}\n````" in text


@pytest.mark.parametrize(
    "repo_id", ['me/a", trust_remote_code=True)\nimport os', "me/<b>", "a--b", "me/a\n", "x" * 97, "é/a"]
)
def test_a_repo_id_is_one_that_the_hub_accepts(repo_id, tmp_path):
    folder = write_hub_folder(tmp_path / "model")
    with pytest.raises(ValueError, match="Expected repo_id"):
        render_model_card(folder, repo_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_songs": 3},
        {"versions": ["torch"]},
        {"median_song_seconds": "long"},
        {"label_audit": [1]},
    ],
)
def test_a_protocol_of_other_types_is_refused(changes, tmp_path):
    folder = write_hub_folder(tmp_path / "model")
    write_json(folder / "protocol.json", PROTOCOL | changes)
    with pytest.raises(ValueError, match=r"Expected protocol.json, .* as training and evaluation write them, but got"):
        render_model_card(folder)


def test_results_of_other_types_are_refused(tmp_path):
    folder = write_hub_folder(tmp_path / "model")
    write_json(folder / "all_results.json", {"test_song_valence_ccc": "<b>"})
    with pytest.raises(ValueError, match="Expected protocol"):
        render_model_card(folder)


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


def test_writes_into_the_folder(tmp_path):
    folder = write_hub_folder(tmp_path / "model")
    assert (folder / "README.md").read_text(encoding="utf-8") == render_model_card(folder)
    assert PLACEHOLDER_REPO_ID in render_model_card(folder)
    write_model_card(folder, "me/mood")
    assert (folder / "README.md").read_text(encoding="utf-8") == render_model_card(folder, "me/mood")
    assert PLACEHOLDER_REPO_ID not in render_model_card(folder, "me/mood")
