"""Initial weights."""

import torch
from torch import Tensor


def glorot_variance(outputs: int, inputs: int) -> float:
    """Variance 2 / (inputs + outputs) of a weight in a matrix of so many rows and columns."""
    return 2 / (inputs + outputs)


def glorot_uniform(outputs: int, inputs: int, generator: torch.Generator) -> Tensor:
    """A weight matrix (outputs, inputs), uniform with the variance of :func:`glorot_variance`."""
    bound = (6 / (inputs + outputs)) ** 0.5
    return (2 * torch.rand(outputs, inputs, generator=generator) - 1) * bound
