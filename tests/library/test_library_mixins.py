# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The common tests of transformers on our configuration, feature extractor and models; see `make test-library`."""

from __future__ import annotations

import unittest
from unittest import mock

import numpy as np
import pytest
import torch
from library.transformers_tests import VARIABLE, load_common_tests, source_folder
from transformers import PreTrainedModel

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression, ASTVAModel
from modeling_ast_va.modeling_ast_va import ASTVAPreTrainedModel

FOLDER = source_folder()
if FOLDER is None:
    pytest.skip(f"needs {VARIABLE}, the source archive of transformers", allow_module_level=True)
pytest.importorskip("parameterized", reason="the common tests of transformers use it")

model_tests, configuration_tests, feature_extraction_tests = load_common_tests(
    FOLDER, model_names={"ast_va": "ASTVAModel"}
)


class ModelTester:
    """A small model and its inputs, with the names that the common tests use."""

    batch_size = 13
    is_training = True
    num_hidden_layers = 2
    num_attention_heads = 4
    hidden_size = 32
    max_length = 24
    num_mel_bins = 16
    patch_size = 2

    def __init__(self, norm_first: bool, use_distillation_token: bool):
        self.norm_first = norm_first
        self.use_distillation_token = use_distillation_token
        self.seq_length = (
            (self.max_length // self.patch_size) * (self.num_mel_bins // self.patch_size) + 1 + use_distillation_token
        )

    def get_config(self) -> ASTVAConfig:
        return ASTVAConfig(
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            patch_size=self.patch_size,
            frequency_stride=self.patch_size,
            time_stride=self.patch_size,
            num_mel_bins=self.num_mel_bins,
            max_length=self.max_length,
            head_hidden_size=8,
            norm_first=self.norm_first,
            use_distillation_token=self.use_distillation_token,
            pooling="cls+distillation" if self.use_distillation_token else "cls",
            attn_implementation="eager",
        )

    def prepare_config_and_inputs_for_common(self):
        return self.get_config(), {"input_values": torch.randn(self.batch_size, self.max_length, self.num_mel_bins)}


# Two tests load a model without its weights and expect warnings. Our `from_pretrained` deliberately raises an error for
# missing weights (see `test_loading_is_strict`), so these tests run with the loading of the library.
lenient_loading = mock.patch.object(
    ASTVAPreTrainedModel, "from_pretrained", classmethod(PreTrainedModel.from_pretrained.__func__)
)


class ASTVAModelTest(model_tests.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (ASTVAModel, ASTVAForRegression)
    test_resize_embeddings = False  # no vocabulary
    norm_first = False
    use_distillation_token = False

    def setUp(self):
        self.model_tester = ModelTester(self.norm_first, self.use_distillation_token)
        self.config_tester = configuration_tests.ConfigTester(
            self, config_class=ASTVAConfig, has_text_modality=False, hidden_size=32
        )

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        inputs = super()._prepare_for_class(inputs_dict, model_class)
        if return_labels and model_class is ASTVAForRegression:
            inputs["labels"] = torch.full((self.model_tester.batch_size, 2), 5.0)
        return inputs

    def test_config(self):
        self.config_tester.run_common_tests()

    @lenient_loading
    def test_can_init_all_missing_weights(self):
        super().test_can_init_all_missing_weights()

    @lenient_loading
    def test_model_weights_reload_no_missing_tied_weights(self):
        super().test_model_weights_reload_no_missing_tied_weights()

    def test_model_get_set_embeddings(self):
        """As in the test of ASTModel: the input embeddings are a projection of patches, not an `nn.Embedding`."""
        for model_class in self.all_model_classes:
            model = model_class(self.model_tester.get_config())
            assert type(model.get_input_embeddings()).__name__ == "ASTVAPatchEmbeddings"
            replacement = torch.nn.Identity()
            model.set_input_embeddings(replacement)
            assert model.get_input_embeddings() is replacement
            assert model.get_output_embeddings() is None


class ASTVAPreNormModelTest(ASTVAModelTest):
    norm_first = True
    use_distillation_token = True


class SpectrogramTester:
    """
    Settings and inputs of several lengths, with the names that the common tests use: spectrograms.

    The common tests pad with `padding_value`, so it is a number: the default of our feature extractor, None, is the
    quietest value of each waveform, which `pad` does not know.
    """

    batch_size = 7
    min_seq_length = 400
    seq_length_diff = 200
    max_seq_length = 1400  # one step above the longest input
    feature_size = 24
    padding_value = -80.0

    def prepare_feat_extract_dict(self) -> dict:
        return {
            "feature_size": self.feature_size,
            "num_mel_bins": 24,
            "padding_value": self.padding_value,
            "sampling_rate": 16000,
            "return_attention_mask": True,
            "do_normalize": True,
        }

    def prepare_inputs_for_common(self, equal_length: bool = False, numpify: bool = False) -> list:
        lengths = [self.min_seq_length + i * self.seq_length_diff for i in range(self.batch_size)]
        if equal_length:
            lengths = [self.max_seq_length] * self.batch_size
        rng = np.random.default_rng(0)
        shape = (self.feature_size,) if self.feature_size > 1 else ()
        inputs = [rng.random((length, *shape), dtype=np.float32) for length in lengths]
        return inputs if numpify else [item.tolist() for item in inputs]


class WaveformTester(SpectrogramTester):
    """Waveforms and `feature_size=1`, as in the test of ASTFeatureExtractor."""

    feature_size = 1
    padding_value = 0.0


class ASTVAFeatureExtractorTest(feature_extraction_tests.SequenceFeatureExtractionTestMixin, unittest.TestCase):
    feature_extraction_class = ASTVAFeatureExtractor

    def setUp(self):
        self.feat_extract_tester = SpectrogramTester()


class ASTVAFeatureExtractorWaveformTest(ASTVAFeatureExtractorTest):
    def setUp(self):
        self.feat_extract_tester = WaveformTester()
