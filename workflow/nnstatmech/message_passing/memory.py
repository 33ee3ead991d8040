"""What a device has room for, asked before it is taken."""

import torch

from ..devices import free_bytes


def require(needed: int, device: torch.device, what: str, remedy: str) -> None:
    """Refuse what a GPU has no room for.

    Raises
    ------
    MemoryError
        Naming ``what`` needs the memory, how much there is, and the ``remedy``.
    """
    free = free_bytes(device)
    if free is not None and needed > free:
        raise MemoryError(f"{what}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free; {remedy}")
