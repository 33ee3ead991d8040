"""A weight W = ±1 in a field H: ψ(H) = log 2 cosh H, mean tanh H, variance 1 − tanh² H."""

import math

import torch
from torch import Tensor

from .special import fast_tanh, fast_tanh_, log_cosh


def log_partition(H: Tensor) -> Tensor:
    """ψ(H) = log 2cosh H."""
    return log_cosh(H) + math.log(2)


def mean(H: Tensor) -> Tensor:
    """tanh H; float32 takes the fast form (absolute error 2e-7), float64 the exact one."""
    return fast_tanh(H) if H.dtype == torch.float32 else torch.tanh(H)


def mean_(H: Tensor) -> Tensor:
    """:func:`mean` in place."""
    return fast_tanh_(H) if H.dtype == torch.float32 else H.tanh_()


def variance(H: Tensor) -> Tensor:
    """1 − tanh² H = 4 s(2H) s(−2H) with the logistic function s: no cancellation."""
    return 4 * torch.sigmoid(2 * H) * torch.sigmoid(-2 * H)
