"""The committee's output y = sign Σ_k x_k of K independent units x_k = ±1 in fields b_k.

It is a top layer whose weights are frozen at 1: Σ_k x_k is taken as Gaussian with mean ω = Σ_k tanh b_k and
variance V = Σ_k (1 − tanh² b_k), and the label acts on it as on any binary output.
"""

import torch
from torch import Tensor

from . import binary_output


def preactivation(fields: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of Σ_k x_k for ``fields`` (..., K); each of shape (...)."""
    means = torch.tanh(fields)
    return means.sum(-1), (1 - means * means).sum(-1)


def fields_down(labels: Tensor, fields: Tensor) -> Tensor:
    """The field B_k that the label exerts on unit k through the vote of the others, (..., K).

    ½[log P(y | x_k = 1) − log P(y | x_k = −1)], exact in x_k and Gaussian in the other units.
    """
    means = torch.tanh(fields)
    omega, variance = preactivation(fields)
    cavity_omega = omega.unsqueeze(-1) - means
    cavity_variance = (variance.unsqueeze(-1) - (1 - means * means)).clamp_min(1e-8)
    y = labels.unsqueeze(-1)
    plus = binary_output.log_evidence(y, cavity_omega + 1, cavity_variance)
    minus = binary_output.log_evidence(y, cavity_omega - 1, cavity_variance)
    return 0.5 * (plus - minus)
