"""Closed forms for the moments of random networks: limits, laws in distribution, fits. No network is run here.

Symbols as in :mod:`nnstatmech.moments.propagation`; N is the width, l the depth, chi the normalised sensitivity.
"""

from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy.special import digamma, polygamma
from scipy.stats import binom

Values = TypeVar("Values", float, np.ndarray, pd.DataFrame)

GAUSSIAN_NU1 = np.sqrt(2 / np.pi)  # nu_1(|z|) of a standard normal z
GAUSSIAN_MU4 = 3.0


def log_increment_moments(width: int) -> tuple[float, float]:
    """Mean and variance of log nu_2(x^l) - log nu_2(x^(l-1)) in a vanilla network with one-dimensional signal.

    Given one direction of the signal, nu_2 is multiplied by (2/N) chi-square(K) with K ~ Binomial(N, 1/2) the number
    of active channels; K = 0, a dead layer, is excluded. About -5/(2N) and 5/N.
    """
    active = np.arange(1, width + 1)
    weight = binom.pmf(active, width, 0.5)
    weight = weight / weight.sum()
    means = digamma(active / 2) + np.log(4 / width)  # log of a chi-square variable: digamma(K/2) + log 2
    mean = np.sum(weight * means)
    variance = np.sum(weight * (polygamma(1, active / 2) + (means - mean) ** 2))
    return float(mean), float(variance)


def log_noise_increment_moments(width: int, noise_rank: float = np.inf) -> tuple[float, float]:
    """Mean and variance of log mu_2(dx^l) - log mu_2(dx^(l-1)) in the same limit, to first order in 1/N.

    Parameters
    ----------
    width
        N.
    noise_rank
        Participation ratio tr(K)^2 / tr(K^2) of the covariance of the noise, large in convolutional networks.
    """
    variance = (1 + 4 / noise_rank) / width
    return -variance / 2, variance


def noise_between_walls(side: int, depth: int) -> float:
    """Mean of mu_2 of white noise after vanilla layers with zero padding: what has not leaked through the borders.

    Exact at any width: a ReLU passes half of the noise whatever the signal, weights have zero mean, and windows of
    three rows (and columns) share what is in them equally. The first layer has stride two, and its window the zeros
    behind; the others have them on both sides. With periodic or symmetric boundaries every row counts three times: the
    mean is 1.

    Parameters
    ----------
    side
        Rows of the square images, even.
    depth
        Layers after the first.
    """
    rows = np.ones(side // 2)
    rows[-1] = 2 / 3
    for _ in range(depth):
        rows = np.convolve(rows, np.full(3, 1 / 3), mode="same")
    return float(rows.mean() ** 2)


def late_sensitivity_increment(width: int) -> tuple[float, float]:
    """Mean and standard deviation of delta chi in a vanilla network with one-dimensional signal: 1 + 3/(2N), N^(-1/2).

    log delta chi has mean and variance 1/N: the covariance of the two log increments is 1/N as well.
    """
    return 1 + 1.5 / width, width**-0.5


def late_sensitivity_slope(width: int) -> float:
    """Growth of log chi per layer in the same limit, 1/N."""
    return 1 / width


def angle_kernel(angle: np.ndarray) -> np.ndarray:
    """k(theta) = E[max(g, 0)^2 max(h, 0)^2] for standard normal g, h of correlation cos(theta).

    It is 3/2 for equal, 1/4 for independent and 0 for opposite variables.
    """
    sine, cosine = np.sin(angle), np.cos(angle)
    return (3 * sine * cosine + (np.pi - angle) * (1 + 2 * cosine**2)) / (2 * np.pi)


def increment_variance(features: np.ndarray, width: int) -> float:
    """Variance over the weights of nu_2(x^l) / nu_2(x^(l-1)) in a vanilla network, for any signal.

    (4/N) (mean over pairs of w_p w_q k(theta_pq) - 1/4), with w_p the squared norms over their mean.

    Parameters
    ----------
    features
        Feature vectors (patches, if convolutional), shape (vectors, channels).
    width
        Number of outputs N.
    """
    norms = np.linalg.norm(features, axis=1)
    cosines = (features @ features.T) / np.outer(norms, norms)
    weights = norms**2 / np.mean(norms**2)
    kernel = angle_kernel(np.arccos(np.clip(cosines, -1, 1)))
    return float(4 / width * (np.mean(np.outer(weights, weights) * kernel) - 0.25))


def activation_increment(nu1_abs: Values) -> Values:
    """delta_phi chi of a ReLU after batch normalisation, from nu_1(|z|): (1 - nu_1(|z|)^2 / 2)^(-1/2).

    For weights of random sign, if the channels have equal nu_1; (1 - 1/pi)^(-1/2) for normal z. Element by element.
    """
    increment: Any = (1 - nu1_abs**2 / 2) ** -0.5
    return increment


GAUSSIAN_ACTIVATION_INCREMENT = float(activation_increment(GAUSSIAN_NU1))


def largest_kurtosis(points: int) -> float:
    """The largest mu_4 of ``points`` numbers with mean 0 and variance 1: one far from all others."""
    return points - 2 + 1 / (points - 1)


def power_law_exponent(mean_increment: float, residual_depth: int) -> float:
    """tau = (delta^(2H) - 1) / 2: growth chi ~ l^tau of resnets whose branches have increments delta in H layers."""
    return (mean_increment ** (2 * residual_depth) - 1) / 2


def power_law_prefactor(depth: np.ndarray, chi: np.ndarray, exponent: float) -> float:
    """c of the least-squares fit c l^tau to chi at fixed tau."""
    return float(np.mean(chi * depth**exponent) / np.mean(depth ** (2 * exponent)))


def resnet_sensitivity(depth: np.ndarray, increments: np.ndarray, first_chi: float, residual_depth: int) -> np.ndarray:
    """chi of a resnet from its first measured unit on, for normal pre-activations and without any fit.

    The variance of the trunk is 1 at its start and every branch adds 1 - 1/pi, the variance of a convolution of
    rectified normal variables; chi^2 of the trunk and of the branch, delta^(2H) times larger, are averaged in
    proportion to their variances: chi_l^2 = chi_(l-1)^2 (1 + (delta_l^(2H) - 1) / (l + pi/(pi - 1))).

    Parameters
    ----------
    depth
        Measured units, ascending.
    increments
        delta chi of a branch layer there; interpolated linearly in 1/l in between.
    first_chi
        chi of the first of them.
    residual_depth
        H.

    Returns
    -------
    array
        chi at ``depth``.
    """
    units = np.arange(depth[0] + 1, depth[-1] + 1)
    delta = np.interp(-1 / units, -1 / depth, increments)
    growth = 1 + (delta ** (2 * residual_depth) - 1) / (units + np.pi / (np.pi - 1))
    chi = first_chi * np.sqrt(np.concatenate([[1.0], np.cumprod(growth)]))
    return chi[(depth - depth[0]).astype(int)]
