"""Gradients from the output back to the source, at every bottleneck on the way."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .batch_norm import Conditions, Mode
from .calls import Call
from .checks import require_finite
from .graph import edge_of
from .moments import NOTHING, scale_of
from .network import Inputs, Network, checked_output
from .noise import rescaling
from .structure import Structure
from .trees import floating

# (index of the block, gradient as the model has it, logarithm of what it was divided by)
Visit = Callable[[int, Tensor, float], None]


def back_propagate(
    network: Network,
    structure: Structure,
    inputs: Inputs,
    mode: Mode | None,
    source: Tensor,
    cotangent: Callable[[Tensor], Tensor],
    visit: Visit,
) -> Tensor:
    """One backward pass from the model's output.

    Parameters
    ----------
    source
        Signal at the source.
    cotangent
        Given the output, the gradient there.
    visit
        Told the gradient at every bottleneck, last block first, and at the source.

    Returns
    -------
    The gradient at the source, divided by what the last visit was told.
    """
    log_scale = 0.0

    def at_node(index: int, number: int) -> Callable:
        def hook(gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...] | None:
            nonlocal log_scale
            gradient = gradients[number]
            if gradient is None:
                return None
            require_finite(gradient, f"the gradient at block {index} ({structure.blocks[index].name})")
            visit(index, gradient, log_scale)
            factor = rescaling(gradient)
            if factor == 1:
                return None
            log_scale -= math.log(factor)
            return tuple(other if other is None else other * factor for other in gradients)

        return hook

    def listener(call: Call, output: Any) -> None:
        index = structure.ends.get(call.key)
        if index is None:
            return
        value = floating(output)
        require_finite(value.detach(), f"block {index} ({structure.blocks[index].name})")
        edge = edge_of(value)
        if edge is not None:
            edge[0].register_prehook(at_node(index, edge[1]))

    leaf = source.clone().requires_grad_()
    with torch.enable_grad():
        output = checked_output(network.run(inputs, leaf, Conditions(mode), listener))
        # Not torch.autograd.grad, which checkpoints of the older kind refuse.
        output.backward(cotangent(output.detach()))
    gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    visit(0, gradient, log_scale)
    return gradient


def log_gradient(gradient: Tensor, log_scale: float) -> float:
    """ln of the root of the squared norm, summed over an image's elements, mean over images.

    Parameters
    ----------
    gradient
        (images, features, positions …), divided by exp(``log_scale``) on its way.
    """
    scale = scale_of(gradient)
    if scale == 0:
        return NOTHING
    norms = (gradient / scale).flatten(1).square().sum(1)
    return 0.5 * math.log(float(norms.mean())) + math.log(scale) + log_scale
