"""Where tensors live, what room there is, and how products are rounded there."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import NamedProblem


def choose_device(name: str) -> torch.device:
    """The torch device for ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    NamedProblem
        If ``cuda`` is asked for and torch sees no CUDA device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise NamedProblem("device: 'cuda' was asked for, but torch sees no CUDA device; allowed here: auto, cpu")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """A device's name for the provenance of a table: ``cpu`` or the GPU's model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def free_bytes(device: torch.device) -> int | None:
    """Bytes that are free on a GPU, what torch holds without using it included; None on other devices."""
    if device.type != "cuda":
        return None
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


@contextmanager
def tensor_float_32(allowed: bool) -> Iterator[None]:
    """Whether products of matrices on a GPU may round what they multiply to TensorFloat-32; afterwards as before."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
