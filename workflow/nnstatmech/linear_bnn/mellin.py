"""Inverse Mellin transforms of products of independent chi variables, in log space.

The length of a network's output is a product of independent layer factors, so its Mellin transform is a
product of Gamma functions. The inverse transform is a line integral in the complex plane; on the vertical
line through the real saddle point the integrand is largest on the axis and nothing cancels, so that the
logarithm of the result keeps its relative accuracy at any depth, any width and far into both tails.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.optimize import elementwise
from scipy.special import digamma, expit, gammaln, loggamma, logsumexp, polygamma, softmax

NODES = 80
"""Nodes of the half contour: the error falls geometrically, 1e-9 at 50, rounding (1e-11 of 10^4 nats) from 70 on."""

REACH = 5.0
"""End of the contour's parameter u; the integrand has decayed there to below 1e-16 of its value at u = 0."""

BEND = 0.5
"""How far the contour bends to the left: its asymptotic slope against the vertical."""

NEGLIGIBLE = 45.0
"""Terms smaller than exp(-NEGLIGIBLE) of the largest one are left out of a mixture."""

Quantity = Literal["density", "distribution", "survival"]


class Factor(Protocol):
    """One independent positive factor ``X`` of a squared length, known by its Mellin transform E[X^s].

    ``edge`` is the distance from s = 0 down to the first pole. Methods take the ``distance`` of the real
    part of s from that pole (s = distance - edge), because near the pole the distance, not s, has to be
    known to full relative accuracy.
    """

    @property
    def edge(self) -> float: ...

    def log_moment(self, distance: np.ndarray) -> np.ndarray:
        """ln E[X^s] on the real axis."""
        ...

    def slope(self, distance: np.ndarray) -> np.ndarray:
        """First derivative of ln E[X^s]."""
        ...

    def curvature(self, distance: np.ndarray) -> np.ndarray:
        """Second derivative of ln E[X^s]."""
        ...

    def log_ratio(self, distance: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """ln(E[X^(s + shift)] / E[X^s]), any branch: ``distance`` (points,), complex ``shift`` (points, nodes)."""
        ...

    def log_residue(self) -> float:
        """ln of the residue of E[X^s] at its first pole."""
        ...


@dataclass(frozen=True)
class GammaFactor:
    """X = chi^2_width / 2, the squared length of ``width`` standard normal numbers, halved."""

    width: int

    @property
    def edge(self) -> float:
        return self.width / 2

    def log_moment(self, distance):
        return gammaln(distance) - gammaln(self.edge)

    def slope(self, distance):
        return digamma(distance)

    def curvature(self, distance):
        return polygamma(1, distance)

    def log_ratio(self, distance, shift):
        distance = distance[:, None]
        return loggamma(distance + shift) - gammaln(distance)

    def log_residue(self):
        return -gammaln(self.edge)


@dataclass(frozen=True)
class RectifiedFactor:
    """X = chi^2_k / 2 with k ~ Binomial(width, 1/2) active units, ``smallest`` <= k <= ``largest``.

    A layer of rectified linear units. The transform is a sub-probability: E[X^0] is the probability of the
    kept k (1 - 2^-width for all k >= 1; k = 0 is the atom at X = 0).
    """

    width: int
    smallest: int
    largest: int

    @property
    def edge(self) -> float:
        return self.smallest / 2

    def _active(self):
        return np.arange(self.smallest, self.largest + 1)

    def _arguments(self, distance):
        """k/2 + s for every k, shape (points, kept k)."""
        return (self._active() - self.smallest) / 2 + np.asarray(distance)[..., None]

    def _log_terms(self, distance):
        """ln of probability(k) E[X^s | k], shape (points, kept k)."""
        k = self._active()
        log_binomial = gammaln(self.width + 1) - gammaln(k + 1) - gammaln(self.width - k + 1) - self.width * np.log(2)
        return log_binomial - gammaln(k / 2) + gammaln(self._arguments(distance))

    def log_moment(self, distance):
        return logsumexp(self._log_terms(distance), axis=-1)

    def slope(self, distance):
        weights = softmax(self._log_terms(distance), axis=-1)
        return np.sum(weights * digamma(self._arguments(distance)), axis=-1)

    def curvature(self, distance):
        arguments, weights = self._arguments(distance), softmax(self._log_terms(distance), axis=-1)
        mean_log = digamma(arguments)
        centred = mean_log - np.sum(weights * mean_log, axis=-1, keepdims=True)
        return np.sum(weights * (polygamma(1, arguments) + centred**2), axis=-1)

    def log_ratio(self, distance, shift):
        # Gamma(z + 1) = z Gamma(z) links every second k, so each parity is a polynomial in the ratios
        # between neighbours, evaluated from the smallest k upwards (Horner): two complex Gamma functions
        # a node are enough for all k.
        weights = softmax(self._log_terms(distance), axis=-1)
        kept = np.flatnonzero(np.max(weights, axis=0) > np.exp(-NEGLIGIBLE))
        first, last = kept[0], kept[-1]
        arguments = self._arguments(distance)[:, :, None]

        def log_largest(index):
            return loggamma(arguments[:, index] + shift) - gammaln(arguments[:, index])

        def chain(index):
            total = 0
            for j in range(first + (index - first) % 2, index + 1, 2):
                total = weights[:, j, None] + (total / (1 + shift / arguments[:, j - 2]) if j > first + 1 else 0)
            return total

        log_last, total = log_largest(last), chain(last)
        if last > first:
            total = total + chain(last - 1) * np.exp(log_largest(last - 1) - log_last)
        return np.log(total) + log_last

    def log_residue(self):
        return self._log_terms(1.0)[0]


def log_inverse_mellin(log_y, factors: Sequence[Factor], quantity: Quantity) -> np.ndarray:
    """Logarithm of the law of Y = X_1 X_2 ... at ``log_y`` = ln Y.

    Parameters
    ----------
    log_y
        ln Y, finite, any shape.
    factors
        The independent factors; equal ones are evaluated once.
    quantity
        ``density``: of ln Y; ``distribution``: P(0 < Y' <= Y); ``survival``: P(Y' > Y).
    """
    log_y = np.asarray(log_y, float)
    order = np.argsort(log_y, axis=None)
    flat = log_y.ravel()[order]
    counts = Counter(factors)
    result = np.empty(flat.shape)
    # Neighbouring points share the window of active units, and a chunk of nodes fits the cache.
    for chunk in np.array_split(np.arange(flat.size), max(1, flat.size // 256)):
        if chunk.size:
            result[order[chunk]] = log_law(flat[chunk], counts, quantity)
    return result.reshape(log_y.shape)


def weighted_total(counts: Counter[Factor], method: str, distance) -> np.ndarray:
    """Sum of a method over all factors, ``distance`` being that from the first pole of the product."""
    edge = min(factor.edge for factor in counts)
    terms = [count * getattr(factor, method)(factor.edge - edge + distance) for factor, count in counts.items()]
    return np.asarray(sum(terms))


def log_law(log_y, counts, quantity):
    if quantity != "distribution":
        return log_line_integral(log_y, counts, quantity)
    # Above the mean of ln Y the line for P(Y' <= Y) would pass close to the pole at s = 0.
    edge = min(factor.edge for factor in counts)
    upper = log_y > weighted_total(counts, "slope", edge)
    result = np.empty(log_y.shape)
    result[~upper] = log_line_integral(log_y[~upper], counts, quantity)
    mass = np.exp(weighted_total(counts, "log_moment", edge))
    result[upper] = np.log(mass - np.exp(log_line_integral(log_y[upper], counts, "survival")))
    return result


def contour(x, edge, quantity):
    """Distance from the first pole and value of s where the contour crosses the real axis, from a free real x."""
    if quantity == "density":
        return np.exp(x), np.exp(x) - edge
    if quantity == "survival":
        return edge + np.exp(x), np.exp(x)
    return edge * expit(x), -edge * expit(-x)


def log_line_integral(log_y, counts, quantity):
    if not log_y.size:
        return np.empty(0)
    edge = min(factor.edge for factor in counts)

    def saddle(x, log_y):
        distance, s = contour(x, edge, quantity)
        pole_at_zero = 0 if quantity == "density" else 1 / s
        return weighted_total(counts, "slope", distance) - pole_at_zero - log_y

    # digamma(z) > ln(z - 1/2) bounds the saddle from above. The integral is the same on every contour: the
    # saddle matters for conditioning, not for the value, and needs no more than a few digits.
    upper = (
        np.full(log_y.shape, 36.0) if quantity == "distribution" else np.logaddexp(log_y / counts.total(), np.log(2))
    )
    x = elementwise.find_root(saddle, (np.full(log_y.shape, -40.0), upper), args=(log_y,), tolerances={"xatol": 1e-6}).x
    distance, s = contour(x, edge, quantity)
    curvature = weighted_total(counts, "curvature", distance) + (0 if quantity == "density" else s**-2)

    # Upper half of a hyperbola that opens to the left, where Gamma functions and Y^-s (for small Y) decay.
    u = np.linspace(0, REACH, NODES)
    scale = curvature[:, None] ** -0.5
    shift = scale * (1j * np.sinh(u) - BEND * (np.cosh(u) - 1))
    weight = scale * (np.cosh(u) + 1j * BEND * np.sinh(u)) * u[1]
    weight[:, 0] /= 2
    exponent = -shift * log_y[:, None]
    for factor, count in counts.items():
        exponent += count * factor.log_ratio(factor.edge - edge + distance, shift)
    log_height = weighted_total(counts, "log_moment", distance) - s * log_y
    if quantity != "density":
        exponent -= np.log(1 + shift / s[:, None])
        log_height -= np.log(np.abs(s))
    # Where the height has no decimals left, the area's logarithm (a few units) is below its rounding error.
    resolved = np.abs(log_height) < 1e12
    area = np.full(log_y.shape, np.nan)
    area[resolved] = np.sum((weight[resolved] * np.exp(exponent[resolved])).real, axis=1) / np.pi
    return log_height + np.where(resolved, np.log(area), -0.5 * np.log(2 * np.pi * curvature))
