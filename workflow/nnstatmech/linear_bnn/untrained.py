"""The closed law of untrained networks with a global cubic activation.

The network y = c (Σᵢ zᵢ)³ w with z = W x has iid weights N(0, (T/n)²) in W (n × inputs) and in w (n). Its output
length is |y| = C |g|³ χₙ/√n with a standard normal g and C = c (T|x|/√n)³ T/√n: everything scales as T⁴.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import erf, gammaln
from scipy.stats import chi

from .domain import positive, whole_widths

NODES = 400
TAIL = 1e-16


@dataclass(frozen=True)
class OutputLength:
    """The law of |y| = C |g|³ χₙ/√n.

    Parameters
    ----------
    norm
        Length |x| of the input.
    temperature
        T; all weights have standard deviation T / width.
    width
        n.
    coupling
        c, the prefactor of the cubic activation.

    Raises
    ------
    ValueError
        If one of them is outside of its domain.
    """

    norm: float
    temperature: float
    width: int
    coupling: float = 0.01

    def __post_init__(self):
        for name in ("norm", "temperature", "coupling"):
            positive(name, getattr(self, name))
        whole_widths("width", [self.width])

    @property
    def scale(self) -> float:
        """C = c (T|x|/√n)³ T/√n."""
        per_unit = self.temperature / np.sqrt(self.width)
        return self.coupling * (per_unit * self.norm) ** 3 * per_unit

    @property
    def mean(self) -> float:
        """C E|g|³ E χₙ/√n = C √(8/π) √(2/n) Γ((n+1)/2)/Γ(n/2)."""
        n = self.width
        return self.scale * np.sqrt(8 / np.pi) * np.sqrt(2 / n) * np.exp(gammaln((n + 1) / 2) - gammaln(n / 2))

    @property
    def second_moment(self) -> float:
        """C² E g⁶ = 15 C²."""
        return 15 * self.scale**2

    @property
    def median(self) -> float:
        """The length that half of all networks exceed."""
        return brentq(lambda y: self.cdf(y) - 0.5, 1e-6 * self.scale, 1e3 * self.scale, xtol=1e-12 * self.scale)

    def _readout(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes q and weights of the average over q = χₙ/√n, by Gauss-Legendre quadrature."""
        low, high = chi.ppf(TAIL, self.width), chi.isf(TAIL, self.width)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        q = low + (high - low) * (nodes + 1) / 2
        weights = weights * (high - low) / 2 * chi.pdf(q, self.width)
        return q / np.sqrt(self.width), weights / weights.sum()

    def pdf(self, y: ArrayLike) -> np.ndarray:
        """Density at lengths y > 0 (any shape); it diverges as y^(-2/3) at the origin."""
        q, weights = self._readout()
        u = np.asarray(y, dtype=float)[..., None] / (self.scale * q)
        cubic_root = np.cbrt(u)
        density = np.sqrt(2 / np.pi) * np.exp(-(cubic_root**2) / 2) / (3 * cubic_root**2)
        return density / (self.scale * q) @ weights

    def cdf(self, y: np.ndarray) -> np.ndarray:
        """Probability of a length of at most y ≥ 0 (any shape)."""
        q, weights = self._readout()
        return erf(np.cbrt(np.asarray(y, dtype=float)[..., None] / (self.scale * q)) / np.sqrt(2)) @ weights
