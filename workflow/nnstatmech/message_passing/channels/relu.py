"""The rectified linear activation x = max(z, 0), z ~ N(ω, V), seen by e^{Bx − Ax²/2}.

The partition function is a sum of the silent branch Φ(−ω/√V) and the active one, a Gaussian on the positive half line
with mean κ S and deviation S. Everything is formed from the two branches' own (truncated Gaussian) moments and from the
probability of the active one, so that neither branch can overflow or cancel the other.
"""

import torch
from torch import Tensor

from . import identity, truncated
from .special import log_tail


def branches(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log of the silent and of the active branch, and κ = (ω + BV)/√(V(1 + AV))."""
    kappa = (omega + B * variance) / (variance * (1 + A * variance)).sqrt()
    active = identity.log_partition(A, B, omega, variance) + log_tail(-kappa)
    return log_tail(omega * torch.rsqrt(variance)), active, kappa


def log_partition(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """φ(A, B, ω, V): the log of the sum of both branches."""
    silent, active, _ = branches(A, B, omega, variance)
    return torch.logaddexp(silent, active)


def moments(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of x."""
    silent, active, kappa = branches(A, B, omega, variance)
    p, q = torch.sigmoid(active - silent), torch.sigmoid(silent - active)
    scale = (variance / (1 + A * variance)).sqrt()
    mean = scale * truncated.mean(kappa)
    return p * mean, p * scale.square() * truncated.variance(kappa) + p * q * mean.square()


def score_and_curvature(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """g = ∂_ω φ and Γ = −∂²_ω φ; Γ may be negative."""
    silent, active, kappa = branches(A, B, omega, variance)
    p, q = torch.sigmoid(active - silent), torch.sigmoid(silent - active)
    gain, deviation = 1 + A * variance, variance.sqrt()
    u = omega / deviation
    g_active = (B - A * omega) / gain + truncated.pull(kappa) / (deviation * gain.sqrt())
    curvature_active = A / gain + (1 - truncated.variance(kappa)) / (variance * gain)
    g_silent = -truncated.pull(-u) / deviation
    curvature_silent = (1 - truncated.variance(-u)) / variance
    g = p * g_active + q * g_silent
    return g, p * curvature_active + q * curvature_silent - p * q * (g_active - g_silent).square()
