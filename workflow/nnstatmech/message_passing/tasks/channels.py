"""Task ``channels``: a signal or weights inferred through layers of any activation, beside the exact answer.

Columns of the table: ``algorithm``, ``inputs`` (N_0), ``outputs`` (units of the last layer) and ``patterns`` (M) of
each problem. Quantities, after the last sweep:

``squared_error``, ``posterior_variance``
    Mean square distance of the means from the truth, and mean variance, of the signal or of the first layer's weights.
``log_evidence``
    The Bethe free entropy log Z, of amp and bp.
``distance``
    Root mean square difference of the means from those of the first algorithm.
``marginal_error``, ``variance_error``, ``log_evidence_error``
    Root mean square error of the means and (linear Gaussian problems) of the variances, and the error of log Z, where
    ``exact`` says how the exact ones are found.

What is not finite (mean field and BPI can diverge through linear units) is null.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..generic import exact
from ..generic.free_entropy import free_entropy
from ..generic.messages import Sweeper
from ..generic.problem import Problem, draw_problem
from ..params import Channels


def run(
    params: Channels,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Every quantity of every algorithm on each problem, which the algorithms share."""
    tables = []
    counts = params.patterns if len(params.patterns) > 1 else params.patterns * len(params.shapes)
    shapes = params.shapes if len(params.shapes) > 1 else params.shapes * len(counts)
    with progress(total=len(shapes) * len(params.algorithms), desc="channels") as bar:
        for shape, patterns in zip(shapes, counts, strict=True):
            problem = draw_problem(
                seeds,
                shape,
                params.activations,
                unknown=params.unknown,
                prior=params.prior,
                noise=params.noise,
                bias=params.bias,
                patterns=patterns,
            )
            known = exact_answers(problem, params.exact)
            reference: Tensor | None = None
            for algorithm in params.algorithms:
                sweeper = solved(problem, algorithm, params)
                reference = sweeper.means() if reference is None else reference
                row = {"seed": np.asarray(seeds), "algorithm": algorithm, "inputs": shape[0], "outputs": shape[-1]}
                for quantity, values in measured(sweeper, algorithm, reference, known).items():
                    finite = [value if np.isfinite(value) else None for value in values.tolist()]
                    value = np.array(finite, dtype=object)
                    tables.append(tidy(Channels.columns, **row, patterns=patterns, quantity=quantity, value=value))
                bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def solved(problem: Problem, algorithm: str, params: Channels) -> Sweeper:
    """Messages after all sweeps."""
    rule = "bp" if algorithm == "bp_cavity" else algorithm
    sweeper = Sweeper(problem, rule, cavity_variance=algorithm == "bp_cavity")
    for _ in range(params.sweeps):
        sweeper.sweep(params.psi)
    return sweeper


def exact_answers(problem: Problem, how: str) -> dict[str, Tensor]:
    """Exact ``mean``, ``log_evidence`` and, for linear problems, ``variance``; empty for ``none``."""
    if how == "enumeration":
        mean, log_evidence = exact.enumerated(problem)
        return {"mean": mean, "log_evidence": log_evidence}
    if how == "linear":
        mean, variance, log_evidence = exact.linear_gaussian(problem)
        return {"mean": mean, "variance": variance, "log_evidence": log_evidence}
    return {}


def measured(sweeper: Sweeper, algorithm: str, reference: Tensor, known: dict[str, Tensor]) -> dict[str, Tensor]:
    """Quantity to its values (R,)."""
    problem, (mean, variance) = sweeper.problem, sweeper.marginals()
    first = problem.layers[0]
    truth = problem.inputs[:, 0] if problem.prior is not None else first.weights / first.scale
    values = {
        "squared_error": (mean - truth).square().flatten(1).mean(1),
        "posterior_variance": variance.flatten(1).mean(1),
        "distance": root_mean_square(mean - reference),
    }
    if "mean" in known:
        values["marginal_error"] = root_mean_square(mean - known["mean"])
    if "variance" in known:
        values["variance_error"] = root_mean_square(variance - known["variance"])
    if algorithm in ("amp", "bp", "bp_cavity"):
        values["log_evidence"] = free_entropy(sweeper)
        if "log_evidence" in known:
            values["log_evidence_error"] = values["log_evidence"] - known["log_evidence"]
    return values


def root_mean_square(difference: Tensor) -> Tensor:
    return difference.square().flatten(1).mean(1).sqrt()
