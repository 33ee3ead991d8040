"""The output of C classes, P(c | z) = 1[c = argmax_k z_k], z_k ~ N(ω_k, V_k).

The class's preactivation is compared with one rival at a time,
log P(c) ≈ Σ_{k≠c} log H(−(ω_c − ω_k)/√(V_c + V_k)); its gradient is exact.
"""

import torch
from torch import Tensor

from . import sign
from .special import inverse_mills, log_tail


def margins(classes: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mask of the rivals, scale S_k of each comparison and its argument −(ω_c − ω_k)/S_k; shape (..., C)."""
    index = classes.unsqueeze(-1)
    rivals = torch.ones_like(omega).scatter_(-1, index, 0.0)
    scale = (variance + variance.gather(-1, index)).sqrt()
    return rivals, scale, (omega - omega.gather(-1, index)) / scale


def log_evidence(classes: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """Σ_{k≠c} log H(−(ω_c − ω_k)/S_k); ``classes`` (...,) integer, ``omega`` and ``variance`` (..., C)."""
    rivals, _, argument = margins(classes, omega, variance)
    return (rivals * log_tail(argument)).sum(-1)


def score(classes: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """The ω-gradient of :func:`log_evidence`, shape (..., C)."""
    rivals, scale, argument = margins(classes, omega, variance)
    g = -rivals * inverse_mills(argument) / scale
    return g.scatter(-1, classes.unsqueeze(-1), -g.sum(-1, keepdim=True))


def noisy_score(classes: Tensor, omega: Tensor, variance: Tensor, noise: Tensor) -> Tensor:
    """The ω-gradient of Σ_{k≠c} log[(1 − e) H(t_k) + e H(−t_k)]: every comparison is wrong with probability e.

    ``noise`` e broadcasts against ``classes``; a comparison is a sign channel in the field ½ log((1 − e)/e).
    """
    index = classes.unsqueeze(-1)
    rivals = torch.ones_like(omega).scatter_(-1, index, 0.0)
    field = (0.5 * torch.log((1 - noise) / noise)).unsqueeze(-1).expand_as(omega)
    g = -rivals * sign.score(field, omega.gather(-1, index) - omega, variance + variance.gather(-1, index))
    return g.scatter(-1, index, -g.sum(-1, keepdim=True))
