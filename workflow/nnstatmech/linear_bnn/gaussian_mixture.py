"""Mixtures of Gaussian laws of one real output."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

CHUNK = 4096
"""Outputs evaluated at a time."""


@dataclass(frozen=True)
class GaussianMixture:
    """Law of one real output: components of given weights, means and standard deviations.

    A component of deviation 0 is a point mass: infinite density at its mean, and a step of the distribution.
    """

    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.weights @ self.means)

    @property
    def variance(self) -> float:
        return float(self.weights @ (self.deviations**2 + (self.means - self.mean) ** 2))

    def pdf(self, h) -> np.ndarray:
        """Density at ``h`` of any shape."""
        height = np.divide(1.0, np.sqrt(2 * np.pi) * self.deviations, where=self.deviations > 0, out=self.means * 0)

        def component_densities(h):
            z = self.standardised(h)
            on_point = (self.deviations == 0) & (h == self.means)
            return np.where(on_point, np.inf, np.exp(-(z**2) / 2) * height)

        return self.total(h, component_densities)

    def cdf(self, h) -> np.ndarray:
        """P(output <= h), within [0, 1] and never falling."""
        return np.minimum(self.total(h, lambda h: ndtr(self.standardised(h))), 1.0)

    def standardised(self, h: np.ndarray) -> np.ndarray:
        """(h - mean) / deviation for ``h`` (points, 1), shape (points, components); ±inf beside a point mass."""
        distance = h - self.means
        beside = np.where(distance < 0, -np.inf, np.inf)
        with np.errstate(over="ignore"):
            return np.divide(distance, self.deviations, where=self.deviations > 0, out=beside)

    def total(self, h, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Weighted sum over the components of a ``function`` of outputs (points, 1).

        Every point's terms are added in the same order, so that a sum of rising terms rises in floating-point
        numbers too, which a matrix product does not promise.
        """
        h = np.asarray(h, float)
        flat = h.reshape(-1, 1)
        kept = self.weights > 0
        weights = self.weights[kept]
        parts = np.array_split(flat, max(1, len(flat) // CHUNK))
        sums = [np.sum(function(part)[:, kept] * weights, axis=1) for part in parts]
        return np.concatenate(sums).reshape(h.shape)
