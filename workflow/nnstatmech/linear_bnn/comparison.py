"""How far an ensemble of outputs is from an exact law, with the sampling error known.

Distances are Jensen-Shannon distances, the square root of the Jensen-Shannon divergence (JSD) in nats. For a large
number M of outputs 8 M JSD follows the same chi^2 as Pearson's statistic, but its tail is far heavier below some 50
outputs a bin: in 30 bins the 99 % point of chi^2 is exceeded with probability 7 % at M = 100, 2 % at M = 256. Tests use
Pearson's statistic, whose size is right from 3 outputs a bin on, and distances the quantiles of the multinomial law.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import trapezoid
from scipy.special import rel_entr
from scipy.stats import chi2, gaussian_kde

BINS = 30
"""Equiprobable bins of every comparison of an ensemble with an exact law."""


SIMULATED = 20_000
"""Multinomial draws behind a quantile of distances: a probability of 1 % is met within a factor of 1.07."""


@dataclass(frozen=True)
class Agreement:
    """Outcome of the comparison of outputs with an exact law in equiprobable bins, which hold ``counts`` of them."""

    counts: tuple[int, ...]

    @property
    def bins(self) -> int:
        return len(self.counts)

    @property
    def samples(self) -> int:
        """Number of outputs M."""
        return sum(self.counts)

    @property
    def divergence(self) -> float:
        """Jensen-Shannon divergence between the empirical frequencies and 1 / bins."""
        return js_divergence(np.array(self.counts) / self.samples, np.full(self.bins, 1 / self.bins))

    @property
    def distance(self) -> float:
        """Square root of the divergence."""
        return float(np.sqrt(self.divergence))

    @property
    def statistic(self) -> float:
        """Pearson's statistic, which under agreement follows chi^2 with bins - 1 degrees of freedom."""
        expected = self.samples / self.bins
        return float(np.sum((np.array(self.counts) - expected) ** 2) / expected)

    @property
    def p_value(self) -> float:
        """Probability that draws from the exact law have a larger statistic."""
        return float(chi2.sf(self.statistic, self.bins - 1))


def equiprobable(probabilities, bins: int = BINS) -> Agreement:
    """Compare outputs with an exact law through ``probabilities`` = exact CDF at the outputs, shape (M,).

    Under agreement these are uniform on [0, 1], whatever the law, so the bins of equal width have equal
    probability.

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
    return Agreement(tuple(int(count) for count in counts))


def mean_statistic(agreements: Sequence[Agreement], independent: int) -> tuple[float, float]:
    """Mean of Pearson's statistic over comparisons in as many bins, and its standard error.

    The error is that of ``independent`` noncentral chi^2 numbers of the measured mean.
    """
    dof, mean = agreements[0].bins - 1, float(np.mean([one.statistic for one in agreements]))
    return mean, float(np.sqrt((2 * dof + 4 * max(mean - dof, 0.0)) / independent))


def floor(bins: int, samples: ArrayLike) -> np.ndarray:
    """Root mean square distance of ``samples`` independent draws from the exact law itself, for many a bin."""
    return np.sqrt((bins - 1) / (8 * np.asarray(samples, float)))


@lru_cache(maxsize=1024)
def critical_distance(bins: int, samples: int, level: float = 0.99) -> float:
    """Distance that ``samples`` draws from the exact law exceed with probability 1 - ``level``, at any number of them.

    By :data:`SIMULATED` multinomial draws with a fixed seed.
    """
    counts = np.random.default_rng(0).multinomial(samples, np.full(bins, 1 / bins), SIMULATED)
    middle = (counts / samples + 1 / bins) / 2
    divergences = np.sum(rel_entr(counts / samples, middle) + rel_entr(1 / bins, middle), axis=1) / 2
    return float(np.sqrt(np.quantile(divergences, level)))


def excess_divergence(agreement: Agreement) -> tuple[float, float]:
    """Estimate of the JSD to the exact law with the sampling contribution removed, and its standard error.

    For many outputs a bin 8 M JSD follows a noncentral chi^2 whose noncentrality is 8 M times the true divergence; the
    estimate is too large by 3 bins^2 / (64 M^2).
    """
    dof, scale = agreement.bins - 1, 8 * agreement.samples
    excess = scale * agreement.divergence - dof
    return excess / scale, float(np.sqrt(2 * dof + 4 * max(excess, 0.0))) / scale


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
