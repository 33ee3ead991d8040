"""The rectified linear activation x = max(z, 0), z ~ N(ω, V), seen by e^{Bx − Ax²/2}.

The partition function is a sum of the silent branch Z0 = H(ω/√V) and the active branch Z1; only their weights
relative to the larger one are ever formed, so neither branch can overflow.
"""

import math

import torch
from torch import Tensor

from .special import log_tail


def branches(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log Z0, log Z1 and the log of the Gaussian density G(ω/√V)."""
    gain = 1 + A * variance
    scale = variance.sqrt()
    exponent = (B * B * variance + 2 * B * omega - A * omega * omega) / (2 * gain)
    beta = -(omega + B * variance) / (scale * gain.sqrt())
    log_active = exponent + log_tail(beta) - 0.5 * torch.log1p(A * variance)
    u = omega / scale
    return log_tail(u), log_active, -0.5 * u * u - 0.5 * math.log(2 * math.pi)


def log_partition(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """φ(A, B, ω, V) = log(Z0 + Z1)."""
    log_silent, log_active, _ = branches(A, B, omega, variance)
    return torch.logaddexp(log_silent, log_active)


def moments(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of x."""
    log_silent, log_active, log_density = branches(A, B, omega, variance)
    log_total = torch.logaddexp(log_silent, log_active)
    active, edge = torch.exp(log_active - log_total), torch.exp(log_density - log_total)
    gain, scale, shifted = 1 + A * variance, variance.sqrt(), B * variance + omega
    mean = (scale * edge + active * shifted) / gain
    square = (scale * shifted * edge + active * (variance * gain + shifted * shifted)) / (gain * gain)
    return mean, square - mean * mean


def score_and_curvature(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """g = ∂_ω φ and Γ = −∂²_ω φ."""
    log_silent, log_active, log_density = branches(A, B, omega, variance)
    log_total = torch.logaddexp(log_silent, log_active)
    active, edge = torch.exp(log_active - log_total), torch.exp(log_density - log_total)
    gain, scale, pull = 1 + A * variance, variance.sqrt(), B - A * omega
    g = (active * pull - A * scale * edge) / gain
    second = ((A * A * omega * variance + B) / scale * edge - active * (A * gain - pull * pull)) / (gain * gain)
    return g, g * g - second
