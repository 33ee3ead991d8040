"""Reproducible random streams.

A realisation is fixed by its seed and the names of its stream, never by the shard, the device count
or the order in which realisations are computed. Runs of different parameters that use the same seed
and stream names share their random numbers (common random numbers): differences between two runs are
then more significant than their independent error bars suggest.
"""

import hashlib

import numpy as np


def stream_key(seed: int, *names: str | int) -> int:
    """The 63-bit key of the stream ``names`` of realisation ``seed``."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the stream ``names`` of realisation ``seed``."""
    return np.random.default_rng(stream_key(seed, *names))


def torch_stream(seed: int, *names: str | int, device="cpu"):
    """A ``torch.Generator`` on ``device`` for the stream ``names`` of realisation ``seed``.

    CPU and CUDA generators give different numbers from the same key: draw on the CPU what has to be
    equal on both.
    """
    import torch

    return torch.Generator(device=device).manual_seed(stream_key(seed, *names))
