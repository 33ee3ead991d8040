"""State evolution of AMP and BP for one layer of any channel, where the posterior is that of the model itself.

N unknowns x of unit variance (a signal, or one unit's weights) are seen through αN outputs y = f(Σ_i W_i x_i + b + sξ),
W_i ~ N(0, 1/N). In the limit N → ∞ one number describes a sweep, the posterior variance V, which is also the squared
error: A = α E[g²] at that V, then V = E var(x | √A z + A x) (Rangan 2011; the closed forms of the channels that the
package tramp of Baker, Aubin, Krzakala and Zdeborová 2020 is built from).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from ..state_evolution import GRID, gaussian_mean

SMALLEST_VARIANCE = 1e-12  # where everything is known


@dataclass(frozen=True)
class Output:
    """A channel: activation (``sign``, ``relu``, ``identity``), s² and the variance of the known biases."""

    activation: str
    noise: float = 0.0
    bias_variance: float = 0.0


def expectations(output: Output, variance: float) -> tuple[float, float]:
    """E g² and E log P(y | ω, V) over ω and y, where ω + b has variance 1 − V + that of b."""
    variance = max(variance, SMALLEST_VARIANCE)
    v = variance + output.noise
    if output.activation == "identity":
        return 1 / v, -0.5 * np.log(2 * np.pi * np.e * v)
    a = GRID * np.sqrt(max(0.0, 1 - variance + output.bias_variance) / v)
    log_density = -(a**2) / 2 - 0.5 * np.log(2 * np.pi)
    silent = np.exp(2 * log_density - log_ndtr(-a))  # (n/Φ)² Φ, where z < 0
    silent_entropy = ndtr(-a) * log_ndtr(-a)
    if output.activation == "sign":
        return gaussian_mean(2 * silent) / v, gaussian_mean(2 * silent_entropy)
    truncated_square = ndtr(a) - a * np.exp(log_density)
    linear_entropy = -0.5 * (np.log(2 * np.pi * v) * ndtr(a) + truncated_square)
    return gaussian_mean(silent + truncated_square) / v, gaussian_mean(silent_entropy + linear_entropy)


def posterior_variance(prior: str, precision: float) -> float:
    """E var(x | √A z + A x) of a ``binary`` or ``gaussian`` x."""
    if prior == "gaussian":
        return 1 / (1 + precision)
    return gaussian_mean(1 - np.tanh(np.sqrt(precision) * GRID + precision) ** 2)


def trajectory(prior: str, output: Output, load: float, sweeps: int) -> list[float]:
    """V before the first and after each of ``sweeps`` sweeps; ``load`` is α, outputs per unknown."""
    states = [1.0]
    for _ in range(sweeps):
        states.append(posterior_variance(prior, load * expectations(output, states[-1])[0]))
    return states


def fixed_point(prior: str, output: Output, load: float, sweeps: int = 2000, tolerance: float = 1e-12) -> float:
    """V where the sweeps from no information end."""
    state = 1.0
    for _ in range(sweeps):
        new = posterior_variance(prior, load * expectations(output, state)[0])
        if abs(new - state) < tolerance:
            return new
        state = new
    return state


def free_entropy(prior: str, output: Output, load: float, variance: float) -> float:
    """The replica-symmetric log Z per unknown at a fixed point V."""
    score_square, log_evidence = expectations(output, variance)
    precision = load * score_square
    if prior == "gaussian":
        of_prior = -0.5 * np.log1p(precision)
    else:
        field = np.abs(np.sqrt(precision) * GRID + precision)
        of_prior = gaussian_mean(field + np.log1p(np.exp(-2 * field)) - np.log(2)) - precision
    return float(of_prior + 0.5 * precision * variance + load * log_evidence)
