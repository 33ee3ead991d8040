"""The binary output P(y | z) = 1[y = sign z], y = ±1, z ~ N(ω, V): the sign channel in a field y·∞."""

import math

import torch
from torch import Tensor

from .special import SQRT_HALF, erfcx


def noisy_field(labels: Tensor, noise: Tensor) -> Tensor:
    """The field ½ y log((1 − e)/e) of labels (R, M) that are wrong with probability e (R,); y·∞ where e is 0."""
    return labels * (0.5 * torch.log((1 - noise) / noise)).unsqueeze(-1)


def hard_field(labels: Tensor) -> Tensor:
    """The field y·∞ that a label exerts on the output unit; shape of ``labels`` (±1)."""
    return labels * math.inf


def log_evidence(labels: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """log P(y) = log Φ(y ω/√V)."""
    return torch.special.log_ndtr(labels * omega * torch.rsqrt(variance))


def score(labels: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """g = (y/√V) G(u)/H(−y u): an inverse Mills ratio."""
    inverse_scale = torch.rsqrt(variance)
    u = labels * omega * inverse_scale
    return labels * inverse_scale * math.sqrt(2 / math.pi) / erfcx(-u * SQRT_HALF)
