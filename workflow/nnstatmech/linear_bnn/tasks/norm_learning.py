"""Task ``norm_learning``: partition functions and energies of one output, proposed and exact, as curves."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import norm_learning as physics
from ..params import NormLearning


def run(
    params: NormLearning, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """All curves, by output y. Nothing is random: seeds and data are not used.

    ``curve`` names the partition function: ``bare``, ``quadratic``, ``quartic`` or ``exact``. Quantities:
    ``partition`` (a density), ``partition_unnormalised`` (the quartic one as proposed), ``energy`` (of the
    density), ``energy_without_normaliser``, both by automatic differentiation, ``energy_closed`` and
    ``energy_without_normaliser_closed`` where there is a formula; ``partition_first_order`` in 1/n.
    """
    return pa.concat_tables([*bare(params), *quadratic(params), *quartic(params), *exact(params)])


def grid(params: NormLearning, span: float) -> np.ndarray:
    return np.linspace(-span, span, params.points)


def density(beta: float, y: np.ndarray, correction: float = 0.0, coupling: float = 0.0, function=None) -> np.ndarray:
    """exp of a log partition function of :mod:`norm_learning`, as an array."""
    function = function or physics.log_partition
    points = torch.as_tensor(y, dtype=torch.float64)
    return function(torch.full_like(points, beta), points, correction, coupling).exp().numpy()


def both_energies(beta: float, y: np.ndarray, correction: float, coupling: float = 0.0) -> dict[str, np.ndarray]:
    """Energies with and without the normaliser, by automatic differentiation."""
    arguments = {"correction": correction, "coupling": coupling}
    bare_weight = partial(physics.log_weight, **arguments, prefactor=False)
    return {
        "energy": physics.energy(partial(physics.log_partition, **arguments), beta, y),
        "energy_without_normaliser": physics.energy(bare_weight, beta, y),
    }


def bare(params: NormLearning) -> list[pa.Table]:
    y = grid(params, 2.0)
    tables = [
        tidy(NormLearning.columns, curve="bare", beta=beta, output=y, quantity="partition", value=density(beta, y))
        for beta in params.bare_temperatures
    ]
    wide = grid(params, 10.0)
    for name, value in both_energies(1.0, wide, 0.0).items():
        tables.append(tidy(NormLearning.columns, curve="bare", beta=1.0, output=wide, quantity=name, value=value))
    return tables


def quadratic(params: NormLearning) -> list[pa.Table]:
    y, narrow, tables = grid(params, 2.5), grid(params, 0.1), []
    for correction in params.corrections:
        shared = {"curve": "quadratic", "correction": correction}
        value = density(1.0, y, correction)
        tables.append(tidy(NormLearning.columns, **shared, beta=1.0, output=y, quantity="partition", value=value))
        measured = both_energies(params.cold, narrow, correction)
        measured["energy_closed"] = physics.closed_energy(params.cold, narrow, correction)
        measured["energy_without_normaliser_closed"] = physics.closed_energy_without_normaliser(
            params.cold, narrow, correction
        )
        for name, value in measured.items():
            tables.append(
                tidy(NormLearning.columns, **shared, beta=params.cold, output=narrow, quantity=name, value=value)
            )
    return tables


def quartic(params: NormLearning) -> list[pa.Table]:
    y, tables = grid(params, 5.0), []
    for coupling in params.couplings:
        shared = {"curve": "quartic", "coupling": coupling}
        here = {"correction": params.cubic_correction, "beta": 1.0, "output": y}
        for name, function in (("partition", None), ("partition_unnormalised", physics.log_weight)):
            value = density(1.0, y, params.cubic_correction, coupling, function)
            tables.append(tidy(NormLearning.columns, **shared, **here, quantity=name, value=value))
        for correction, span in ((0.6, 0.1), (0.1, 0.5)):
            points = grid(params, span)
            there = {"correction": correction, "beta": params.cold, "output": points}
            for name, value in both_energies(params.cold, points, correction, coupling).items():
                tables.append(tidy(NormLearning.columns, **shared, **there, quantity=name, value=value))
    return tables


def exact(params: NormLearning) -> list[pa.Table]:
    # The density of the narrowest networks has a cusp or diverges at y = 0, which an even number of points avoids.
    y, tables = np.linspace(-5.0, 5.0, params.points + params.points % 2), []
    for width in params.widths:
        measured = {
            "partition": np.exp(physics.log_exact(1.0, y, width)),
            "partition_first_order": physics.first_order(1.0, y, width),
            "energy": physics.exact_energy(1.0, y, width),
        }
        for name, value in measured.items():
            tables.append(
                tidy(
                    NormLearning.columns,
                    curve="exact",
                    hidden_width=width,
                    beta=1.0,
                    output=y,
                    quantity=name,
                    value=value,
                )
            )
    return tables
