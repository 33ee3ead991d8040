"""Outputs of networks with real random weight matrices, the simulation behind the exact priors."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

CHUNK = 2**24
"""Weights drawn at a time."""


def random_network_outputs(
    inputs: Tensor,
    hidden_widths: Sequence[int],
    n_out: int,
    sigmas: Sequence[float],
    activation: str,
    size: int,
    generator: torch.Generator,
) -> Tensor:
    """Outputs of ``size`` independent networks for one input, shape (size, n_out).

    Parameters
    ----------
    inputs
        x, shape (N,), on the generator's device.
    sigmas
        Standard deviations of the weight matrices, one each.
    activation
        ``linear`` or ``relu``, of the hidden units; any other is a ValueError.
    """
    if activation not in ("linear", "relu"):
        raise ValueError(f"activation {activation!r}: 'linear' or 'relu' is allowed")
    widths = (len(inputs), *hidden_widths, n_out)
    largest = max(before * after for before, after in pairwise(widths))
    chunk = max(1, CHUNK // largest)
    parts = []
    for start in range(0, size, chunk):
        count = min(chunk, size - start)
        h = inputs.expand(count, -1)
        for layer, sigma in enumerate(sigmas):
            shape = (count, widths[layer + 1], widths[layer])
            weights = torch.randn(shape, generator=generator, device=inputs.device)
            h = sigma * torch.bmm(weights, h[:, :, None])[:, :, 0]
            if activation == "relu" and layer < len(sigmas) - 1:
                h = h.relu()
        parts.append(h)
    return torch.cat(parts)
