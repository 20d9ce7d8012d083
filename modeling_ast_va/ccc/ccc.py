# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The concordance correlation coefficient as an `evaluate` metric that loads from this folder, without a network."""

import datasets
import evaluate

from .concordance import concordance_correlation_coefficient

_CITATION = """\
@article{lin1989concordance,
    author = {Lin, Lawrence I-Kuei}, year = {1989}, doi = {10.2307/2532051},
    title = {A Concordance Correlation Coefficient to Evaluate Reproducibility},
    journal = {Biometrics}, volume = {45}, number = {1}, pages = {255--268}
}
"""

_DESCRIPTION = """\
The concordance correlation coefficient (CCC) measures how closely predictions agree with references on their scale: 1
is identity, 0 is no agreement, -1 is reversal. It is Pearson's r, reduced by every shift and change of scale.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of float): the predicted values.
    references (list of float): the true values, in the same order and unit.

Returns:
    ccc (float): between -1 and 1, from population moments. 0.0 if either side is constant, but 1.0 if both are the
        same constant.

Examples:
    >>> evaluate.load("path/to/ccc").compute(predictions=[2, 3, 4, 5, 6], references=[1, 2, 3, 4, 5])
    {'ccc': 0.8}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class CCC(evaluate.Metric):
    """The metric that `evaluate.load` returns, with `add`, `add_batch` and `compute` of `evaluate.Metric`."""

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value("float64")  # evaluate's usual "float" rounds the values to 7 digits
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": value, "references": value}),
            reference_urls=["https://doi.org/10.2307/2532051"],
        )

    def _compute(self, predictions: list[float], references: list[float]) -> dict[str, float]:
        return {"ccc": concordance_correlation_coefficient(references, predictions)}
