"""Initial weights."""

import torch


def glorot_uniform(outputs: int, inputs: int, generator: torch.Generator) -> torch.Tensor:
    """A weight matrix (outputs, inputs), uniform with variance 2 / (inputs + outputs)."""
    bound = (6 / (inputs + outputs)) ** 0.5
    return (2 * torch.rand(outputs, inputs, generator=generator) - 1) * bound
