"""How many networks are held at once: estimated before memory is taken, with the formulas of the plan (params.py)."""

import torch

from ..devices import free_bytes
from .params import CPU_BYTES, ENSEMBLE_BYTES

GPU_SHARE = 0.5  # of the memory that is free on a GPU: estimates are right within a factor of two


def networks_at_once(network_bytes: float, device: torch.device, wanted: float | None = None) -> int:
    """How many networks of that size fit: at least one.

    On a CPU more would gain nothing once a product of matrices outlasts its call; on a GPU they fill it.

    Parameters
    ----------
    network_bytes
        Memory of one network.
    device
        Where it will be held.
    wanted
        Memory for all of them, in bytes, where a parameter says so; a GPU gives what it has, a CPU no more than helps.
    """
    room, free = min(wanted or ENSEMBLE_BYTES, CPU_BYTES), free_bytes(device)
    if free is not None:
        room = min(GPU_SHARE * free, wanted or GPU_SHARE * free)
    return max(1, int(room // network_bytes))
