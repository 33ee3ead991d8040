"""A linear network with one output by its end-to-end vector and the lengths of its layers, for sampling.

By rotation invariance the network is w = √u g with √u = ∏ σ ∏ t_l, independent t_l ~ χ of n_l degrees of freedom and
g ~ N(0, I). Coordinates are here ln t_1..ln t_{h-1}, the sum of all h logarithms and one number for each direction that
the images span: the component v_i of w where the data decide it, v_i/√u where the prior does. A number for each layer
and direction stands for all weights, whatever the widths. Nothing is integrated, so that chains check the integrals
over g and u of the exact posterior.

Chains are the first axis of all arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .domain import weight_scales, whole_widths
from .spectrum import Spectrum

SPREAD = 0.1
"""Of the logarithms of lengths around the centre of their prior, where chains start."""


@dataclass(frozen=True)
class EndToEnd:
    """Coordinates of a network.

    Attributes
    ----------
    widths
        n_1..n_{d-1}, shape (layers,).
    log_scale
        ln ∏ σ.
    decided
        Which directions the data decide, shape (rank,). Any choice is right, and some are fast.
    """

    widths: np.ndarray
    log_scale: float
    decided: np.ndarray

    @classmethod
    def of(cls, hidden_widths: Sequence[int], sigmas: Sequence[float], spectrum: Spectrum, beta: float, scale: float):
        """Of a network with hidden widths n_1..n_{d-1}, at least one, and d weight scales.

        ``scale`` is about what u will be at ``beta``.
        """
        widths = whole_widths("hidden widths", hidden_widths)
        decided = beta * scale * spectrum.lengths**2 > 1
        return cls(np.asarray(widths, float), float(np.sum(np.log(weight_scales(sigmas, widths)))), decided)

    def draw(self, chains: int, generator: np.random.Generator) -> np.ndarray:
        """Where chains start: lengths near the centre of their prior, the vector from the prior given these."""
        noise = SPREAD * generator.standard_normal((chains, len(self.widths)))
        lengths = np.log(self.widths) / 2 + noise
        root = np.exp(self.log_scale + lengths.sum(1, keepdims=True))
        along = generator.standard_normal((chains, len(self.decided))) * np.where(self.decided, root, 1.0)
        return np.hstack([lengths[:, :-1], lengths.sum(1, keepdims=True), along])

    def lengths(self, numbers: np.ndarray) -> np.ndarray:
        """ln t_l of each chain, shape (chains, layers)."""
        count = len(self.widths)
        first, total = numbers[:, : count - 1], numbers[:, count - 1 : count]
        return np.hstack([first, total - first.sum(1, keepdims=True)])

    def scale(self, numbers: np.ndarray) -> np.ndarray:
        """u of each chain, shape (chains,)."""
        return np.exp(2 * (self.log_scale + numbers[:, len(self.widths) - 1]))

    def vector(self, numbers: np.ndarray) -> np.ndarray:
        """v of each chain, shape (chains, rank)."""
        root = np.sqrt(self.scale(numbers))[:, None]
        return numbers[:, len(self.widths) :] * np.where(self.decided, 1.0, root)

    def loss(self, numbers: np.ndarray, spectrum: Spectrum) -> np.ndarray:
        """L of each chain, shape (chains,)."""
        residuals = spectrum.lengths * self.vector(numbers) - spectrum.targets
        return spectrum.least_loss + np.sum(residuals**2, axis=1) / 2

    def log_posterior(self, numbers: np.ndarray, spectrum: Spectrum, beta: float) -> tuple[np.ndarray, np.ndarray]:
        """ln of prior times likelihood, up to a constant, and its derivative by the numbers."""
        lengths, u, vector = self.lengths(numbers), self.scale(numbers)[:, None], self.vector(numbers)
        residuals = spectrum.lengths * vector - spectrum.targets
        push = -beta * spectrum.lengths * residuals
        given = vector / u
        value = np.sum(self.widths * lengths - np.exp(2 * lengths) / 2, axis=1)
        value -= np.sum(vector * given + np.where(self.decided, np.log(u), 0.0), axis=1) / 2
        value -= beta / 2 * np.sum(residuals**2, axis=1)
        by_lengths = self.widths - np.exp(2 * lengths)
        by_total = by_lengths[:, -1:] + np.sum(
            np.where(self.decided, vector * given - 1, push * vector), axis=1, keepdims=True
        )
        along = np.where(self.decided, 1.0, np.sqrt(u)) * (push - given)
        return value, np.hstack([by_lengths[:, :-1] - by_lengths[:, -1:], by_total, along])
