# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The model loads without this package: from a folder, from the Hub, from the offline cache, and when saved again."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hub_folder import tiny_model, write_hub_folder
from loopback_hub import LoopbackHub
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForAudioClassification,
    pipeline,
)
from transformers.dynamic_module_utils import get_imports

import modeling_ast_va
from modeling_ast_va.hub.files import CODE_FILES

REPOSITORY = Path(__file__).parents[2]
REPO_ID = "me/tiny-mood"
TOLERANCE = 1e-6


def save(music_emotion, way: str, folder: Path) -> None:
    """Save a model in one of the ways that transformers offers."""
    from transformers import Trainer, TrainingArguments

    model, feature_extractor = music_emotion.model, music_emotion.feature_extractor
    if way == "pipeline":
        music_emotion.save_pretrained(folder)
    elif way == "parts":
        model.save_pretrained(folder)
        feature_extractor.save_pretrained(folder)
    else:
        args = TrainingArguments(output_dir=str(folder), use_cpu=True)
        Trainer(model, args, processing_class=feature_extractor).save_model()


WAYS = ("pipeline", "parts", "trainer")
# None in sys.modules makes an import fail, as if the package were not installed.
WITHOUT_PACKAGE = """
import contextlib, io, json, sys
from pathlib import Path
for name in ("modeling_ast_va", "librosa", "datasets", "evaluate", "pandas", "matplotlib"):
    sys.modules[name] = None
"""
# Predicts with folders that were saved, and saves each in the same way again.
SAVING_PROGRAM = f"""{WITHOUT_PACKAGE}
from transformers import pipeline

{inspect.getsource(save)}
songs = {{}}
for folder in map(Path, sys.argv[1:]):
    music_emotion = pipeline(model=str(folder), trust_remote_code=True)
    songs[folder.name] = music_emotion("song.mp3")
    save(music_emotion, folder.name, folder.parent / "again" / folder.name)
print(json.dumps(songs))
"""
USER_PROGRAM = (
    f"""{WITHOUT_PACKAGE}"""
    + """
import numpy as np, torch
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, pipeline

waveform = np.load("waveform.npy")
answers = {}
for address in sys.argv[1:]:
    options = {"pretrained_model_name_or_path": address, "trust_remote_code": True}
    answer = answers[address] = {"hidden_size": AutoConfig.from_pretrained(**options).hidden_size}
    feature_extractor = AutoFeatureExtractor.from_pretrained(**options)
    inputs = feature_extractor(waveform, sampling_rate=feature_extractor.sampling_rate, return_tensors="pt")
    for auto_class in (AutoModel, AutoModelForAudioClassification):
        with torch.no_grad():
            outputs = auto_class.from_pretrained(**options)(**inputs)
        answer[auto_class.__name__] = outputs.logits.tolist()
        answer["pooler_output"] = outputs.pooler_output.tolist()
    music_emotion = pipeline(model=address, trust_remote_code=True)
    answer["inferred task"] = music_emotion("song.mp3")
    music_emotion.save_pretrained(f"again-{Path(address).name}")
    answer["saved again"] = pipeline(model=f"again-{Path(address).name}", trust_remote_code=True)("song.mp3")
    answer["named task"] = pipeline("music-emotion", model=address, trust_remote_code=True)(["song.mp3"])[0]
    ensemble = pipeline("music-emotion", model=address, ensemble=[address], trust_remote_code=True)
    answer["ensemble"] = ensemble("song.mp3")
    stock = pipeline("audio-classification", model=address, trust_remote_code=True)
    answer["stock"] = {label["label"]: label["score"] for label in stock(waveform)}
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        answer["whole song"] = {label["label"]: label["score"] for label in stock(np.tile(waveform, 3))}
    answer["warning"] = stderr.getvalue()
with open("card.py") as card:
    exec(card.read())
answers["card"] = list(outputs.pooler_output.shape)
print(json.dumps(answers))
"""
)


def run(command: list[str], **options) -> str:
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def user_environment(home: Path) -> dict[str, str]:
    """Environment variables of a user with empty caches."""
    names = ("HF_", "TRANSFORMERS_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return environment | {
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": "hf_test",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_hub_folder(tmp_path_factory.mktemp("trained") / "tiny-mood")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder outside the repository, with a stereo song at another rate, and one segment at the model's."""
    directory = tmp_path_factory.mktemp("elsewhere")
    rng = np.random.default_rng(0)
    seconds = np.arange(int(2.7 * 44100)) / 44100
    tones = np.stack([np.sin(2 * np.pi * 330 * seconds), np.sin(2 * np.pi * 495 * seconds**1.5)], axis=1)
    soundfile.write(directory / "song.mp3", 0.3 * tones, 44100)
    np.save(directory / "waveform.npy", (0.1 * rng.standard_normal(8000)).astype(np.float32))
    return directory


@pytest.fixture(scope="module")
def expected(folder, elsewhere) -> dict:
    """Predictions of the model in this process, without saving it."""
    model, feature_extractor = tiny_model()
    inputs = feature_extractor(np.load(elsewhere / "waveform.npy"), sampling_rate=8000, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**inputs)
    music_emotion = modeling_ast_va.MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)
    return {
        "hidden_size": 32,
        "AutoModel": outputs.logits.tolist(),
        "AutoModelForAudioClassification": outputs.logits.tolist(),
        "pooler_output": outputs.pooler_output.tolist(),
        "song": music_emotion(str(elsewhere / "song.mp3")),
    }


@pytest.fixture(scope="module")
def answers(folder, elsewhere, tmp_path_factory) -> dict:
    """Predictions of the user's program: from the folder and from the Hub after a push, then offline from the cache."""
    environment = user_environment(tmp_path_factory.mktemp("home"))
    program = elsewhere / "program.py"
    program.write_text(USER_PROGRAM, encoding="utf-8")
    with LoopbackHub() as hub:
        environment["HF_ENDPOINT"] = hub.address
        run(
            [str(REPOSITORY / "scripts" / "push_to_hub.py"), "--model", str(folder), "--repo_id", REPO_ID],
            env=environment | {"PYTHONPATH": str(REPOSITORY)},
            cwd=elsewhere,
        )
        pushed = dict(hub.repositories[REPO_ID].files("main")[1])
        card = pushed["README.md"].decode().split("```python\n")[1:]
        programs = [block.split("```")[0] for block in card]
        of_torch = [program for program in programs if "onnxruntime" not in program]  # that one is in test_onnx.py
        assert len(of_torch) == len(programs) - 1
        (elsewhere / "card.py").write_text("\n".join(of_torch), encoding="utf-8")
        online = run(["-I", str(program), str(folder), REPO_ID], env=environment, cwd=elsewhere)
    offline = run(["-I", str(program), REPO_ID], env=environment | {"HF_HUB_OFFLINE": "1"}, cwd=elsewhere)
    online, offline = json.loads(online.splitlines()[-1]), json.loads(offline.splitlines()[-1])
    return {
        "folder": online[str(folder)],
        "hub": online[REPO_ID],
        "offline": offline[REPO_ID],
        "cards": [online["card"], offline["card"]],
        "pushed": pushed,
    }


def assert_same_song(song: dict, expected: dict):
    assert song["quadrant"] == expected["quadrant"]
    for key in ("valence", "arousal", "valence_std", "arousal_std"):
        assert song[key] == pytest.approx(expected[key], abs=TOLERANCE)
    assert len(song["segments"]) == len(expected["segments"]) == 3
    for segment, expected_segment in zip(song["segments"], expected["segments"]):
        assert segment == pytest.approx(expected_segment, abs=TOLERANCE)


def test_expected_numbers_differ_between_outputs(expected):
    (valence, arousal), segments = expected["AutoModel"][0], expected["song"]["segments"]
    assert abs(valence - arousal) > 0.01
    assert np.ptp([segment["valence"] for segment in segments]) > 0.01


@pytest.mark.parametrize("source", ["folder", "hub", "offline"])
def test_loads_without_the_package(source, answers, expected):
    answer = answers[source]
    assert answer["hidden_size"] == expected["hidden_size"]
    for name in ("AutoModel", "AutoModelForAudioClassification", "pooler_output"):
        np.testing.assert_allclose(answer[name], expected[name], atol=TOLERANCE)
    assert_same_song(answer["inferred task"], expected["song"])
    assert_same_song(answer["named task"], expected["song"])
    assert_same_song(answer["saved again"], expected["song"])
    ensemble = dict(answer["ensemble"])
    assert (ensemble.pop("valence_spread"), ensemble.pop("arousal_spread")) == (0, 0)  # of a model with itself
    assert_same_song(ensemble, expected["song"])
    valence, arousal = expected["AutoModel"][0]
    assert answer["stock"] == pytest.approx({"valence": valence, "arousal": arousal}, abs=TOLERANCE)
    assert answer["whole song"] == pytest.approx({"valence": valence, "arousal": arousal}, abs=1.0)  # not a softmax
    assert "Only the first 1.02 s of longer waveforms are used" in answer["warning"]


def test_a_folder_that_is_saved_again_does_not_refer_to_the_hub(answers, elsewhere):
    for name in ("config.json", "preprocessor_config.json"):
        settings = (elsewhere / f"again-{REPO_ID.split('/')[1]}" / name).read_text(encoding="utf-8")
        assert f"{REPO_ID}--" not in settings
        assert '"auto_map"' in settings


@pytest.mark.slow
def test_every_way_of_saving_leaves_a_whole_folder(elsewhere, expected, tmp_path):
    """Saved with this package, loaded and saved again without it, and loaded again."""
    for way in WAYS:
        model, feature_extractor = tiny_model()
        music_emotion = modeling_ast_va.MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)
        save(music_emotion, way, tmp_path / way)
    for folder in (tmp_path, tmp_path / "again"):
        arguments = ["-I", "-c", SAVING_PROGRAM, *(str(folder / way) for way in WAYS)]
        songs = json.loads(run(arguments, env=user_environment(tmp_path / "home"), cwd=elsewhere).splitlines()[-1])
        assert list(songs) == list(WAYS)
        for way in WAYS:
            assert_same_song(songs[way], expected["song"])
            assert set(CODE_FILES) <= {path.name for path in (folder / way).iterdir()}


HEADS_PROGRAM = f"""{WITHOUT_PACKAGE}
from transformers import pipeline

music_emotion = pipeline(model=sys.argv[1], trust_remote_code=True)
print(json.dumps(music_emotion("song.mp3", frames=True, coverage=0.8)))
"""


def test_a_model_with_heads_has_all_results_without_the_package(elsewhere, tmp_path):
    quantiles = {"conformal_quantiles": 99, "label_quantiles": 101}
    settings = {name: [np.linspace(1, 9, count).tolist()] * 2 for name, count in quantiles.items()}
    model, feature_extractor = tiny_model(use_frame_head=True, use_spread_head=True, error_correlation=0.5, **settings)
    music_emotion = modeling_ast_va.MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)
    expected = music_emotion(str(elsewhere / "song.mp3"), frames=True, coverage=0.8)
    save(music_emotion, "pipeline", tmp_path / "heads")
    arguments = ["-I", "-c", HEADS_PROGRAM, str(tmp_path / "heads")]
    song = json.loads(run(arguments, env=user_environment(tmp_path / "home"), cwd=elsewhere).splitlines()[-1])
    assert list(song) == list(expected)
    assert_same_song(song, expected)
    for frame, expected_frame in zip(song["frames"], expected["frames"], strict=True):
        assert frame == pytest.approx(expected_frame, abs=TOLERANCE)
    for name in ("valence", "arousal"):
        assert song[f"{name}_interval"] == pytest.approx(expected[f"{name}_interval"], abs=TOLERANCE)
        for ending in ("percentile", "rater_std"):
            assert song[f"{name}_{ending}"] == pytest.approx(expected[f"{name}_{ending}"], abs=10 * TOLERANCE)
    assert song["quadrant_probability"] == pytest.approx(expected["quadrant_probability"], abs=TOLERANCE)


def test_examples_of_the_card_run_unchanged(answers):
    assert answers["cards"] == [[1, 32], [1, 32]]


def test_push_sends_the_files_of_the_folder(answers, folder):
    assert answers["pushed"] == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert f'model="{REPO_ID}"' in answers["pushed"]["README.md"].decode()


def test_needs_no_remote_code_if_the_package_is_imported(folder, elsewhere, expected):
    assert isinstance(AutoConfig.from_pretrained(folder), modeling_ast_va.ASTVAConfig)
    assert isinstance(AutoFeatureExtractor.from_pretrained(folder), modeling_ast_va.ASTVAFeatureExtractor)
    for auto_class in (AutoModel, AutoModelForAudioClassification):
        assert isinstance(auto_class.from_pretrained(folder), modeling_ast_va.ASTVAForRegression)
    for music_emotion in (pipeline("music-emotion", model=str(folder)), pipeline(model=str(folder))):
        assert isinstance(music_emotion, modeling_ast_va.MusicEmotionPipeline)
        assert_same_song(music_emotion(str(elsewhere / "song.mp3")), expected["song"])


def test_code_requires_only_what_transformers_installs():
    imports = {name: set(get_imports(REPOSITORY / "modeling_ast_va" / name)) for name in CODE_FILES}
    installed_with_transformers = {"huggingface_hub", "numpy", "torch", "tqdm", "transformers"}
    for name, needed in imports.items():
        assert needed - set(sys.stdlib_module_names) <= installed_with_transformers, name
