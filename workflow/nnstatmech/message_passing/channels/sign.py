"""The sign activation x = sign(z), z ~ N(ω, V), seen by a field B on x.

φ(B, ω, V) = log Σ_{x=±1} e^{Bx} H(−x ω/√V), with H the upper tail of the normal distribution. Source: the channel
of Lucibello, Pittorino, Perugini, Zecchina, *Deep learning via message passing algorithms based on belief
propagation*, MLST 3, 035005 (2022); the forms below neither overflow nor lose the sign for |ω|/√V ≤ 30 and any B,
±∞ included (a field ±∞ is the hard constraint sign(z) = ±1 of the output).

All arguments broadcast; results have their common shape.
"""

import math

import torch
from torch import Tensor

from .special import SQRT_HALF, erfcx, erfcx_positive, largest_exponent


def log_partition(B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """φ(B, ω, V); B finite."""
    u = omega / variance.sqrt()
    return torch.logaddexp(B + torch.special.log_ndtr(u), -B + torch.special.log_ndtr(-u))


def up_field(omega: Tensor, variance: Tensor) -> Tensor:
    """The field b = ½[log Φ(u) − log Φ(−u)], u = ω/√V, that the preactivation exerts on x."""
    u = omega * torch.rsqrt(variance)
    y = u.abs() * SQRT_HALF
    square = y * y
    scaled_tail = 0.5 * erfcx_positive(y)
    tail = scaled_tail * torch.exp(-square)
    return torch.copysign(0.5 * (torch.log1p(-tail) + square - torch.log(scaled_tail)), u)


def moments(B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ∂_B φ = tanh(B + b) and variance ∂²_B φ of x."""
    mean = torch.tanh(B + up_field(omega, variance))
    return mean, 1 - mean * mean


def score(B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """g = ∂_ω φ = (1/√V) 2tG(u) / (1 + t erf(u/√2)) with t = tanh B."""
    inverse_scale = torch.rsqrt(variance)
    size = B.abs()
    strength = torch.tanh(size)
    y = torch.copysign(inverse_scale * SQRT_HALF, B) * omega
    exponent = (y * y - 2 * size).clamp(max=largest_exponent(y.dtype))
    mismatch = 2 * torch.sigmoid(2 * size) * torch.exp(exponent)
    return torch.copysign(math.sqrt(2 / math.pi) * inverse_scale, B) * strength / (mismatch + strength * erfcx(-y))


def curvature(g: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """Γ = −∂²_ω φ = g (g + ω/V), whatever B was."""
    return g * (g + omega / variance)


def score_derivatives(g: Tensor, omega: Tensor, variance: Tensor, order: int) -> list[Tensor]:
    """[g, ∂_ω g, ..., ∂_ω^order g] from g alone.

    As a function of ω the score obeys the Riccati equation g' = −g² − (ω/V) g whatever B is, so that
    g^(n+1) = −Σ_j C(n, j) g^(j) g^(n−j) − (ω g^(n) + n g^(n−1))/V.
    """
    derivatives = [g]
    slope, precision = omega / variance, 1 / variance
    for n in range(order):
        following = slope * derivatives[n]
        if n:
            following = following + n * precision * derivatives[n - 1]
        for j in range(n + 1):
            following = following + math.comb(n, j) * derivatives[j] * derivatives[n - j]
        derivatives.append(-following)
    return derivatives
