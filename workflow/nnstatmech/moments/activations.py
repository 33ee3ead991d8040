"""Non-linearities, linearised at the signal: phi(x) and phi'(x) dx.

Their values and slopes as functions of a number, and what mean-field theory makes of them, are in
:mod:`nnstatmech.theory.activations` under the same names.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

LEAK = 0.01  # slope of leaky_relu below zero
# Homogeneous of degree 1: phi(a x) = a phi(x) for a > 0, so that a signal may be rescaled on its way.
HOMOGENEOUS = ("relu", "leaky_relu")

Linearised = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def leaky_relu(signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    return F.leaky_relu(signal, LEAK), torch.ops.aten.leaky_relu_backward(noise, signal, LEAK, False)


def tanh(signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    value = signal.tanh()
    return value, torch.ops.aten.tanh_backward(noise, value)


def erf(signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    return torch.special.erf(signal), noise * signal.square().neg_().exp_().mul_(2 / math.sqrt(math.pi))


def gelu(signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    return F.gelu(signal), torch.ops.aten.gelu_backward(noise, signal)


def silu(signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    return F.silu(signal), torch.ops.aten.silu_backward(noise, signal)


LINEARISED: dict[str, Linearised] = {
    "leaky_relu": leaky_relu,
    "tanh": tanh,
    "erf": erf,
    "gelu": gelu,
    "silu": silu,
}


def rectify(signal: Tensor, noise: Tensor, into: tuple[Tensor, Tensor]) -> None:
    """ReLU: max(x, 0) and dx 1[x > 0], in two passes without any copy."""
    torch.ops.aten.threshold_backward.grad_input(noise, signal, 0, grad_input=into[1])
    torch.clamp_min(signal, 0, out=into[0])


def activate(activation: str, signal: Tensor, noise: Tensor, into: tuple[Tensor, Tensor]) -> None:
    """Write phi(``signal``) and phi'(``signal``) ``noise`` into two tensors of their shape, or into themselves."""
    if activation == "relu":
        rectify(signal, noise, into)
        return
    for destination, source in zip(into, LINEARISED[activation](signal, noise), strict=True):
        destination.copy_(source)
