"""Task ``local_energy``: how flat the training error is around what a network has learned.

Columns of the table: ``flipped`` (probability p that a weight changes its sign). Quantities: ``local_energy``
(training error with flipped weights less that without, as a fraction, mean over the draws), ``train_error`` and
``test_error`` (%, at p = 0).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import observables
from ..graphs import CapturedStep
from ..params import LocalEnergy
from ..preprocessing import Samples, prepare, shuffled
from ..trainers import replicas_of, rows_of, trainer_of
from .training import can_be_captured, learn_epoch

ROWS_AT_ONCE = 8192


def run(
    params: LocalEnergy,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Train one network per seed and case, then flip weights.

    Raises
    ------
    ValueError
        If there is no labelled data set, or the batch is larger than the training set.
    """
    if dataset is None:
        raise ValueError("local energies need a data set; name one, e.g. dataset: mnist")
    train, test = prepare(dataset, params.labels, device)
    replicas = replicas_of(params, seeds)
    own_seeds = [replica.seed for replica in replicas]
    rows = rows_of(params, replicas, train, dataset.name)
    trainer = trainer_of(params, replicas, train.inputs.shape[1], device)
    step = CapturedStep(trainer.learn_batch, trainer.state, trainer.kernel_plan, can_be_captured(params))
    shuffles = [torch_stream(seed, "shuffle") for seed in own_seeds]
    with progress(total=params.epochs + params.draws, desc=f"local energy, {params.algorithm}") as bar:
        for _ in range(params.epochs):
            learn_epoch(step, trainer, train, shuffled(rows, shuffles), params.batch_size)
            bar.update(1)
        decisions = trainer.decisions()
        base = error_of(decisions, train, rows)
        everything = torch.arange(len(test.inputs), device=device).expand(len(rows), -1)
        found = {(0.0, "train_error"): 100 * base, (0.0, "test_error"): 100 * error_of(decisions, test, everything)}
        found |= {(fraction, "local_energy"): torch.zeros_like(base) for fraction in params.fractions}
        for draw in range(params.draws):
            for fraction in params.fractions:
                flipped = [flip(weights, fraction, own_seeds, draw, n) for n, weights in enumerate(decisions)]
                found[fraction, "local_energy"] += (error_of(flipped, train, rows) - base) / params.draws
            bar.update(1)
    cases = np.array([replica.case for replica in replicas], dtype=object)
    row = {"seed": np.array(own_seeds), "case": cases}
    tables = [
        tidy(LocalEnergy.columns, **row, flipped=fraction, quantity=quantity, value=value.cpu().numpy())
        for (fraction, quantity), value in found.items()
    ]
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def flip(weights: Tensor, fraction: float, seeds: Sequence[int], draw: int, layer: int) -> Tensor:
    """Weights (R, K, N) of which each changes its sign with probability ``fraction``, those of larger ones included."""
    uniform = torch.stack(
        [torch.rand(weights.shape[1:], generator=torch_stream(seed, "flips", draw, layer)) for seed in seeds]
    )
    return torch.where(uniform.to(weights.device) < fraction, -weights, weights)


def error_of(decisions: Sequence[Tensor], samples: Samples, rows: Tensor) -> Tensor:
    """Fraction (R,) of the rows (R, P) that networks with these weights get wrong."""
    wrong = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    for part in rows.split(max(1, ROWS_AT_ONCE // len(rows)), dim=1):
        outputs = observables.pointwise_outputs(decisions, samples.inputs[part])
        wrong += observables.errors(outputs, samples.labels[part]).sum(1)
    return wrong / rows.shape[1]
