"""Limits of the exact prior of linear networks: infinite width with its first correction, and the far tail.

Arguments as in :mod:`nnstatmech.linear_bnn.prior`.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln


def log_gaussian_process(r, n_out: int, variance: float) -> np.ndarray:
    """ln of the density of N(0, variance I) over R^n_out at |h| = r: the prior at infinite width."""
    return -n_out / 2 * np.log(2 * np.pi * variance) - np.asarray(r) ** 2 / (2 * variance)


def wide_correction(r, hidden_widths: Sequence[int], n_out: int, kappa: float) -> np.ndarray:
    """p / p_GP to first order in the inverse widths.

    1 + (e/4) (q^2 - 2 (n+2) q + n (n+2)) with e = sum of 1/n_l over the hidden layers, q = r^2 / V, n = n_out.
    """
    inverse_widths = np.sum(1 / np.asarray(hidden_widths, float))
    q = np.asarray(r) ** 2 / (kappa**2 * np.prod(np.asarray(hidden_widths, float)))
    return 1 + inverse_widths / 4 * (q**2 - 2 * (n_out + 2) * q + n_out * (n_out + 2))


def js_distance_to_gaussian_process(hidden_widths: Sequence[int]) -> float:
    """Jensen-Shannon distance (square root of nats) of one output component to the Gaussian process, to first order.

    The correction above is 1 + (e/4) He_4, and JSD -> <(p/p_GP - 1)^2> / 8 with <He_4^2> = 24: (sqrt(3)/4) e.
    """
    return float(np.sqrt(3) / 4 * np.sum(1 / np.asarray(hidden_widths, float)))


def log_tail(r, hidden_widths: Sequence[int], n_out: int, kappa: float) -> np.ndarray:
    """ln p(h) for r / kappa -> inf: a stretched exponential of exponent 2/d."""
    depth = len(hidden_widths) + 1
    excess = np.asarray(hidden_widths, float) - n_out
    log_z = 2 * np.log(np.asarray(r, float) / kappa) - depth * np.log(2)
    power = ((1 - depth) / 2 + np.sum(excess) / 2) / depth
    log_scale = -n_out / 2 * (depth * np.log(2) + np.log(np.pi * kappa**2)) - np.sum(
        gammaln(np.asarray(hidden_widths) / 2)
    )
    constant = (depth - 1) / 2 * np.log(2 * np.pi) - np.log(depth) / 2
    return -depth * np.exp(log_z / depth) + power * log_z + constant + log_scale
