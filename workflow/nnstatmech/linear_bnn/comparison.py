"""How far an ensemble of outputs is from an exact law, with the sampling error known.

Distances are Jensen-Shannon distances, the square root of the Jensen-Shannon divergence (JSD) in nats.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import rel_entr
from scipy.stats import chi2, gaussian_kde

BINS = 30
"""Equiprobable bins of every comparison of an ensemble with an exact law."""


@dataclass(frozen=True)
class Agreement:
    """Outcome of the comparison of ``samples`` outputs with an exact law in ``bins`` equiprobable bins."""

    bins: int
    samples: int
    divergence: float

    @property
    def distance(self) -> float:
        """Jensen-Shannon distance between the empirical frequencies and 1 / bins."""
        return float(np.sqrt(self.divergence))

    @property
    def statistic(self) -> float:
        """8 M JSD, which under agreement follows chi^2 with bins - 1 degrees of freedom."""
        return 8 * self.samples * self.divergence

    @property
    def p_value(self) -> float:
        return float(chi2.sf(self.statistic, self.bins - 1))


def equiprobable(probabilities, bins: int = BINS) -> Agreement:
    """Compare outputs with an exact law through ``probabilities`` = exact CDF at the outputs, shape (M,).

    Under agreement these are uniform on [0, 1], whatever the law, so the bins of equal width have equal
    probability. Small deviations from 1 / bins make 8 M JSD equal to Pearson's statistic.

    Raises
    ------
    ValueError
        If a probability is outside [0, 1] or there is none.
    """
    probabilities = np.asarray(probabilities, float)
    if not probabilities.size or not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError("probabilities of the exact law have to be in [0, 1], and at least one is needed")
    counts = np.bincount(np.minimum((probabilities * bins).astype(int), bins - 1), minlength=bins)
    return of_counts(counts)


def of_counts(counts) -> Agreement:
    """Compare outputs with an exact law through how many are in each of some equiprobable bins."""
    counts = np.asarray(counts)
    bins, samples = len(counts), int(counts.sum())
    return Agreement(bins, samples, js_divergence(counts / samples, np.full(bins, 1 / bins)))


def floor(bins: int, samples) -> np.ndarray:
    """Jensen-Shannon distance that ``samples`` independent draws from the exact law itself have on average."""
    return np.sqrt((bins - 1) / (8 * np.asarray(samples, float)))


def critical_distance(bins: int, samples, level: float = 0.99) -> np.ndarray:
    """Distance that draws from the exact law exceed with probability 1 - ``level``."""
    return np.sqrt(chi2.ppf(level, bins - 1) / (8 * np.asarray(samples, float)))


def excess_divergence(agreement: Agreement) -> tuple[float, float]:
    """Estimate of the JSD to the exact law with the sampling contribution removed, and its standard error.

    8 M JSD follows a noncentral chi^2 whose noncentrality is 8 M times the true divergence.
    """
    dof = agreement.bins - 1
    noncentrality = max(agreement.statistic - dof, 0.0)
    scale = 8 * agreement.samples
    return (agreement.statistic - dof) / scale, float(np.sqrt(2 * dof + 4 * noncentrality)) / scale


def js_divergence(p, q) -> float:
    """Jensen-Shannon divergence in nats of two probability vectors."""
    p, q = np.asarray(p, float), np.asarray(q, float)
    middle = (p + q) / 2
    return float(np.sum(rel_entr(p, middle) + rel_entr(q, middle)) / 2)


def js_distance_on_grid(p, q, grid) -> float:
    """Jensen-Shannon distance of two densities given on one ``grid`` that covers both, by the trapezoidal rule."""
    p, q = np.asarray(p, float), np.asarray(q, float)
    middle = (p + q) / 2
    return float(np.sqrt(max(trapezoid(rel_entr(p, middle) + rel_entr(q, middle), grid) / 2, 0.0)))


def kde_distance(outputs, density: Callable[[np.ndarray], np.ndarray], points: int = 512) -> float:
    """Jensen-Shannon distance between a Gaussian kernel density estimate (Scott) of ``outputs`` and a density.

    Both on one grid over the outputs' range, widened by a fifth to either side. The estimate smooths cusps and
    heavy tails: its bias does not vanish at a finite number of outputs, which :func:`equiprobable` avoids.
    """
    outputs = np.asarray(outputs, float)
    margin = 0.2 * np.ptp(outputs)
    grid = np.linspace(outputs.min() - margin, outputs.max() + margin, points)
    return js_distance_on_grid(gaussian_kde(outputs)(grid), density(grid), grid)
