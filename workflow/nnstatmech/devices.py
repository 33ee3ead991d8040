"""Where tensors live and how many threads compute."""

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
