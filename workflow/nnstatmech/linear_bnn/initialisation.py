"""Initial weights."""

import torch
from torch import Tensor


def glorot_uniform(outputs: int, inputs: int, generator: torch.Generator) -> Tensor:
    """A weight matrix (outputs, inputs), uniform with variance 2 / (inputs + outputs)."""
    bound = (6 / (inputs + outputs)) ** 0.5
    return (2 * torch.rand(outputs, inputs, generator=generator) - 1) * bound
