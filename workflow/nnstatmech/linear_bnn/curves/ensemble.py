"""Ensembles of networks held against their exact laws; ``beta`` None is zero temperature.

Networks are independent draws, so that they, and not the seeds that made them, are the realisations here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...readings import NotMeasured, over_seeds, select
from .. import comparison
from ..comparison import Agreement
from .rows import by_width

SMALLEST_DIVERGENCE = 1e-8
"""What a divergence is set to, as the end of an error bar on a logarithmic axis, where it is not positive."""


def values_of(rows: pd.DataFrame, quantity: str) -> np.ndarray:
    """One quantity of every network, in the order in which they were drawn."""
    return select(rows, quantity=quantity)["value"].to_numpy(float)


def each_ensemble(table: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each network at each inverse temperature."""
    return [rows for _, rows in table.groupby(["network", "beta"], dropna=False, observed=True)]


def agreement(rows: pd.DataFrame, samples: int | None = None) -> Agreement:
    """The first ``samples`` networks (all if None) in equiprobable bins of their exact law.

    Raises
    ------
    NotMeasured
        If there are fewer.
    """
    probabilities = values_of(rows, "probability")
    if len(probabilities) < (samples or 1):
        raise NotMeasured(f"{len(probabilities)} networks; {samples} are needed")
    return comparison.equiprobable(probabilities[:samples])


def agreements_of_groups(rows: pd.DataFrame, samples: int | None) -> list[Agreement]:
    """Disjoint groups of ``samples`` networks, as many as there are (None: all in one), in bins of their exact law.

    Raises
    ------
    NotMeasured
        If there is not one.
    """
    probabilities = values_of(rows, "probability")
    size = samples or len(probabilities)
    if len(probabilities) < size:
        raise NotMeasured(f"{len(probabilities)} networks; {size} are needed")
    groups = probabilities[: len(probabilities) // size * size].reshape(-1, size)
    return [comparison.equiprobable(group) for group in groups]


@dataclass(frozen=True)
class NetDivergence:
    """A Jensen-Shannon divergence with the sampling contribution removed, and its standard error."""

    divergence: float
    error: float

    @property
    def distance(self) -> float:
        return float(np.sqrt(max(self.divergence, 0)))

    @property
    def distance_error(self) -> float:
        """The square root of a divergence that is zero within its error has no linear error bar."""
        if self.divergence > self.error:
            return self.error / (2 * self.distance)
        return float(np.sqrt(self.error))

    @property
    def ends(self) -> tuple[float, float, float]:
        """The distance and the ends of its error bar, all positive for a logarithmic axis."""
        values = [self.divergence, self.divergence - self.error, self.divergence + self.error]
        return tuple(np.sqrt(np.maximum(values, SMALLEST_DIVERGENCE)))


def net_divergence(rows: pd.DataFrame) -> NetDivergence:
    """Divergence of one network's ensembles from their exact laws, averaged over the inverse temperatures.

    Rungs of one ladder are the same chains: their errors are taken as fully correlated.
    """
    estimates = [comparison.excess_divergence(agreement(rung)) for _, rung in rows.groupby("beta", dropna=False)]
    divergence, error = np.mean(estimates, axis=0)
    return NetDivergence(float(divergence), float(error))


def sizes_up_to(available: int) -> np.ndarray:
    """Twelve sizes of an ensemble from 100 to all networks, evenly spaced in the logarithm."""
    return np.unique(np.geomspace(100, available, 12).astype(int))


def distance_by_size(rows: pd.DataFrame) -> pd.Series:
    """Jensen-Shannon distance, sampling contribution included, by the number of networks."""
    sizes = sizes_up_to(len(values_of(rows, "probability")))
    return pd.Series([agreement(rows, size).distance for size in sizes], index=sizes)


def kde_distance_by_size(rows: pd.DataFrame, density: pd.Series) -> pd.Series:
    """The same between a kernel density estimate of the outputs and an exact ``density`` given by output."""
    outputs = values_of(rows, "output")

    def law(h):
        return np.interp(h, density.index, density, left=0, right=0)

    sizes = sizes_up_to(len(outputs))
    return pd.Series([comparison.kde_distance(outputs[:size], law) for size in sizes], index=sizes)


def typical_steps(descent: pd.DataFrame) -> float:
    """Median number of steps to convergence of the widest networks."""
    return float(np.median(values_of(select(descent, network=by_width(descent["network"])[-1]), "step")))


def agreement_of_converged(rows: pd.DataFrame, within: float) -> Agreement | None:
    """Only those networks in bins that converged in at most so many steps; None where there is none."""
    chosen = select(rows, quantity=["step", "probability"])
    networks = chosen.pivot(index=["seed", "member"], columns="quantity", values="value")
    kept = networks.loc[(networks["step"] >= 0) & (networks["step"] <= within), "probability"]
    return comparison.equiprobable(kept) if len(kept) else None


def unconverged_fraction(rows: pd.DataFrame, points: int = 400) -> pd.Series:
    """Fraction of networks that have not converged after a number of steps.

    At most twice ``points`` of them, evenly spaced in the number of networks that have converged, and in the logarithm
    of the number that have not: every other point lies between two of these.
    """
    steps = values_of(rows, "step")
    taken = np.sort(steps[steps >= 0])
    ranks = np.arange(len(taken))
    if len(taken) > 2 * points:
        last = len(taken) - 1
        kept = [np.linspace(0, last, points), last - np.geomspace(1, last, points), [last]]
        ranks = np.unique(np.concatenate(kept).astype(int))
    return pd.Series(1 - (ranks + 1) / len(steps), index=taken[ranks])


def converged_fraction(descent: pd.DataFrame) -> pd.Series:
    """Fraction of networks that reached the tolerance, by network."""
    return select(descent, quantity="converged_fraction").groupby("network", observed=True)["value"].mean()


def losses_of(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of each network's loss: averaged over its moves where it is a Markov chain."""
    averaged = (table["quantity"] == "average_loss").any()
    return select(table, quantity="average_loss" if averaged else "loss")


def mean_loss(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean loss of one network's ensembles by inverse temperature: ``mean``, ``error``, ``exact`` posterior mean."""
    losses = losses_of(rows).pivot(index=["seed", "member"], columns="beta", values="value")
    exact = select(rows, quantity="exact_mean_loss").groupby("beta")["value"].first()
    return over_seeds(losses).assign(exact=exact)


def loss_biases(table: pd.DataFrame) -> list[float]:
    """Mean loss of each seed's networks over the exact one, minus 1, averaged over all ensembles."""
    exact = select(table, quantity="exact_mean_loss")
    measured = losses_of(table)
    keys = ["seed", "network", "beta"]
    ratio = measured.groupby(keys, observed=True)["value"].mean() / exact.groupby(keys, observed=True)["value"].first()
    return list(ratio.groupby("seed").mean() - 1)
