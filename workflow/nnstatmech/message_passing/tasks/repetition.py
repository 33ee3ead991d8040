"""Task ``repetition``: what a likelihood that is counted twice does to a factorised posterior, by enumeration.

A 0/1 likelihood that is counted again leaves the exact posterior as it is. Rules, all with one pattern at a time:

``exact``
    The posterior over all 2^N weights: no projection, patterns may come as often as they like.
``projection``
    After every pattern the product of marginals with the exact means of the old product times the pattern's likelihood.
``amp``
    The same with the means of AMP's first sweep, as networks learn here.
``ep``
    Expectation propagation: what a pattern contributed is taken out before it comes again; |m| is clamped.

Quantities: ``slope`` (exponent of p^a that fits best on new patterns of the teacher, over all instances), ``accuracy``
(%) and ``likelihood``.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import calibration
from ..channels import binary_output, sign
from ..generic.exact import all_signs
from ..params import Repetition
from ..perceptron import Patterns, teacher_student

RULES = ("exact", "projection", "amp", "ep")


def run(
    params: Repetition,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Every rule, number of patterns and number of passes; one value a seed, over its instances."""
    tables = []
    with progress(total=len(seeds) * len(params.patterns), desc="repetition") as bar:
        for seed in seeds:
            for count in params.patterns:
                instances = [seed * params.instances + number for number in range(params.instances)]
                problem = teacher_student(instances, params.inputs, count + params.test_patterns, device)
                for rule in RULES:
                    for passes, p in predictions(params, problem, count, rule).items():
                        labels = problem.labels[:, count:].double().flatten().numpy()
                        slope = calibration.slope(p, labels)
                        values = {
                            "slope": slope,
                            "accuracy": 100 * float(((p > 0.5) == (labels > 0)).mean()),
                            "likelihood": calibration.negative_log_likelihood(p, labels),
                        }
                        row = {"seed": np.array([seed]), "rule": rule, "patterns": count, "passes": passes}
                        tables += [tidy(Repetition.columns, **row, quantity=q, value=v) for q, v in values.items()]
                bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def predictions(params: Repetition, problem: Patterns, count: int, rule: str) -> dict[int, np.ndarray]:
    """Number of passes to P(+1) of every new pattern of every instance, flat."""
    states = all_signs(params.inputs)
    x, y = problem.inputs.double()[:, :count], problem.labels.double()[:, :count]
    new = problem.inputs.double()[:, count:]
    found = {}
    if rule == "exact":
        solves = ((x @ states.T) * y.unsqueeze(-1) > 0).all(1)
        p = predictive(torch.zeros(solves.shape, dtype=torch.float64).masked_fill(~solves, -torch.inf), new, states)
        return dict.fromkeys(params.passes, p)
    fields, sites = torch.zeros_like(x[:, 0]), torch.zeros_like(x)
    for number in range(1, max(params.passes) + 1):
        for pattern in range(count):
            if rule == "ep":
                cavity = fields - sites[:, pattern]
                fields = projected(cavity, x[:, pattern], y[:, pattern], states, params.largest_mean)
                sites[:, pattern] = fields - cavity
            elif rule == "projection":
                fields = projected(fields, x[:, pattern], y[:, pattern], states)
            else:
                fields = fields + amp_field(fields, x[:, pattern], y[:, pattern])
        if number in params.passes:
            found[number] = predictive(fields @ states.T, new, states)
    return found


def projected(fields: Tensor, x: Tensor, y: Tensor, states: Tensor, largest: float = 1 - 1e-12) -> Tensor:
    """Fields (R, N) of the product with the means of e^{H·w} 1[y = sign w·x]."""
    solves = (x @ states.T) * y.unsqueeze(-1) > 0
    weights = torch.softmax((fields @ states.T).masked_fill(~solves, -torch.inf), 1)
    return torch.atanh((weights @ states).clamp(-largest, largest))


def amp_field(fields: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """H_in = x g + m x² Γ of one pattern (R, N)."""
    m = torch.tanh(fields)
    omega, variance = (m * x).sum(1), (1 - m * m).sum(1).clamp_min(1e-8)
    g = binary_output.score(y, omega, variance)
    curvature = sign.curvature(g, omega, variance)
    return x * g.unsqueeze(1) + m * x * x * curvature.unsqueeze(1)


def predictive(log_weights: Tensor, patterns: Tensor, states: Tensor) -> np.ndarray:
    """P(+1) of ``patterns`` (R, T, N) under the states' weights (R, S), flat."""
    weights = torch.softmax(log_weights, 1)
    up = (patterns @ states.T > 0).double()
    return torch.einsum("rts,rs->rt", up, weights).clamp(0, 1).flatten().numpy()
