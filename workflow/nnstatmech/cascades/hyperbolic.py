"""The activation of all networks of the family: tanh, by NumPy on a CPU.

On AMD processors PyTorch's tanh (2.1 ns a number) takes a third of a small layer's time; NumPy's takes a ninth of it
where there is AVX-512, and is right within two units of the last place, too. On Intel processors both are fast.
"""

import numpy as np
import torch
from torch import Tensor


def tanh(x: Tensor) -> Tensor:
    """tanh of every number of a floating-point tensor; it can be differentiated."""
    if x.device.type != "cpu":
        return torch.tanh(x)
    if x.requires_grad and torch.is_grad_enabled():
        return DifferentiableTanh.apply(x)
    return tanh_into(torch.empty_like(x), x)


def tanh_(x: Tensor) -> Tensor:
    """:func:`tanh` in place, for tensors that ask for no gradient."""
    return tanh_into(x, x) if x.device.type == "cpu" else x.tanh_()


def tanh_into(out: Tensor, x: Tensor) -> Tensor:
    np.tanh(x.detach().numpy(), out=out.numpy())
    return out


def tanh_gradient(gradient: Tensor, output: Tensor) -> Tensor:
    """(1 - ``output``²) ``gradient``: the gradient before a tanh from that behind it."""
    return torch.ops.aten.tanh_backward(gradient, output)


class DifferentiableTanh(torch.autograd.Function):
    """NumPy's tanh with its gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        output = tanh_into(torch.empty_like(x), x)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (output,) = ctx.saved_tensors
        return tanh_gradient(gradient, output)
