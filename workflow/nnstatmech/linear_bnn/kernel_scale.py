"""Law of the scale of a linear network's kernel.

The end-to-end weight vector of a linear network with a scalar output is w = sqrt(u) g with g ~ N(0, I) and

    u = sigma_1^2 ... sigma_d^2 chi^2_{n_1} ... chi^2_{n_{d-1}},

so that given u the network is a Gaussian process with kernel u x.x'. Everything about a finite network follows
from the law of this one number, here on a uniform grid of t = ln sqrt(u), where its density is smooth and
decays exponentially on both sides: sums over the grid are then accurate to rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln, logsumexp, polygamma

from .domain import weight_scales, whole_widths
from .prior import log_radial

FARTHEST = 150.0
"""ln of a product of chi variables beyond which its density is 0, whatever the widths."""


@dataclass(frozen=True)
class KernelScale:
    """Uniform grid of t = ln sqrt(u) with the logarithm of the probability that each point stands for."""

    t: np.ndarray
    log_weight: np.ndarray

    @property
    def u(self) -> np.ndarray:
        return np.exp(2 * self.t)

    @property
    def step(self) -> float:
        """Grid spacing in t (1 for the single point of a network without hidden layers)."""
        return float(self.t[1] - self.t[0]) if len(self.t) > 1 else 1.0


def mean(hidden_widths: Sequence[int], sigmas: Sequence[float]) -> float:
    """E u, the kernel scale of the Gaussian process of infinite width: prod sigma_l^2 prod n_l.

    Raises
    ------
    ValueError
        If there is not one positive sigma for each weight matrix, or a width is below 1 or not whole.
    """
    whole_widths("hidden widths", hidden_widths)
    weight_scales(sigmas, hidden_widths)
    return float(np.prod(np.square(sigmas)) * np.prod(np.asarray(hidden_widths, float)))


def scale_law(
    hidden_widths: Sequence[int], sigmas: Sequence[float], *, points: int = 800, drop: float = 60.0
) -> KernelScale:
    """The law of u on the window in which the density of t is within ``drop`` nats of its maximum.

    Parameters
    ----------
    hidden_widths, sigmas
        n_1..n_{d-1} and the standard deviations of the d weight matrices.

    Raises
    ------
    ValueError
        As :func:`log_density`.
    """
    shift = float(np.sum(np.log(weight_scales(sigmas, hidden_widths))))
    if not len(hidden_widths):
        return KernelScale(np.array([shift]), np.zeros(1))
    density = log_density(hidden_widths, sigmas)
    centre, left, right = density_window(lambda t: density(t + shift), hidden_widths, drop)
    t = np.linspace(centre - left, centre + right, points) + shift
    return on_grid(density, t)


def log_density(hidden_widths: Sequence[int], sigmas: Sequence[float]) -> Callable[[np.ndarray], np.ndarray]:
    """ln of the density of t = ln sqrt(u) as a function of t, for at least one hidden layer.

    It is concave: t is a sum of independent terms ln chi_n, each of which has a concave logarithm of its density.

    Raises
    ------
    ValueError
        If there is not one positive sigma for each weight matrix, or a width is below 1 or not whole.
    """
    widths = whole_widths("hidden widths", hidden_widths)
    shift = float(np.sum(np.log(weight_scales(sigmas, widths))))
    *inner, last = widths

    def density(t):
        unit = np.asarray(t, float) - shift
        inside = np.minimum(unit, FARTHEST)
        value = log_chi_density(last, inside) if not inner else log_radial(np.exp(inside), inner, last) + inside
        return np.where(unit > FARTHEST, -np.inf, value)

    return density


def on_grid(density: Callable[[np.ndarray], np.ndarray], t: np.ndarray) -> KernelScale:
    """The law on a uniform grid ``t`` of at least two points."""
    return KernelScale(t, density(t) + np.log(t[1] - t[0]))


def centre_of(hidden_widths: Sequence[int], sigmas: Sequence[float]) -> float:
    """E t, the mean of ln sqrt(u)."""
    half = np.asarray(hidden_widths, float) / 2
    return float(np.sum(np.log(2) + digamma(half)) / 2 + np.sum(np.log(sigmas)))


def convolved(hidden_widths: Sequence[int], *, points: int = 2000, window: float = 45.0) -> KernelScale:
    """The same law for unit weight scales by convolving the laws of ln chi_n, one hidden layer after the other.

    A check that shares nothing with the contour integrals: all terms are positive, but the window is fixed, so
    that it is accurate in the bulk only. ``points`` per layer; the grid grows with the depth.
    """
    ranges = [log_chi_range(width, window) for width in hidden_widths]
    step = max(right - left for left, right in ranges) / (points - 1)
    start, total = 0.0, np.zeros(1)
    for width, (left, right) in zip(hidden_widths, ranges, strict=True):
        t = left + step * np.arange(int(np.ceil((right - left) / step)) + 1)
        start, total = start + left, log_convolution(total, log_chi_density(width, t) + np.log(step))
    return KernelScale(start + step * np.arange(len(total)), total)


def density_window(log_density, hidden_widths, drop):
    """Centre of ln prod chi and the distances to both sides at which its density has dropped by ``drop``."""
    half = np.asarray(hidden_widths, float) / 2
    centre = centre_of(hidden_widths, [1.0])
    deviation = float(np.sqrt(np.sum(polygamma(1, half))) / 2)
    level = log_density(np.array([centre]))[0] - drop
    distances = np.geomspace(0.5 * deviation, 300, 200)
    return (
        centre,
        first_below(distances, log_density(centre - distances), level),
        first_below(distances, log_density(centre + distances), level),
    )


def first_below(distances, values, level):
    below = np.flatnonzero(values < level)
    return distances[below[0]] if below.size else distances[-1]


def log_chi_density(width, t):
    """ln of the density of t = ln chi_width."""
    return (1 - width / 2) * np.log(2) - gammaln(width / 2) + width * t - np.exp(2 * t) / 2


def log_chi_range(width, window):
    """Interval of ln chi outside of which its density is below exp(-window) of the maximum at ln sqrt(width)."""
    mode = np.log(width) / 2
    distances = np.linspace(0, 2 + 2 * window / width + 3 * np.sqrt(window / width), 4000)
    level = log_chi_density(width, mode) - window
    return (
        mode - first_below(distances, log_chi_density(width, mode - distances), level),
        mode + first_below(distances, log_chi_density(width, mode + distances), level),
    )


def log_convolution(a, b):
    """ln of the convolution of exp(a) and exp(b), every term kept to relative accuracy."""
    short, long = sorted((a, b), key=len)
    padded = np.pad(long, len(short) - 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(short))
    return logsumexp(windows + short[::-1], axis=1)
