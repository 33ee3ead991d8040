"""Streams depend on the seed and the names, and on nothing else."""

import numpy as np
import torch

from nnstatmech.seeding import numpy_stream, stream_key, torch_stream


def test_equal_names_give_equal_numbers():
    assert np.array_equal(numpy_stream(3, "weights", 2).normal(size=4), numpy_stream(3, "weights", 2).normal(size=4))
    first, second = (torch.randn(4, generator=torch_stream(3, "weights")) for _ in range(2))
    assert torch.equal(first, second)


def test_streams_do_not_collide():
    keys = {stream_key(seed, name) for seed in range(1000) for name in ("weights", "noise", "images")}
    assert len(keys) == 3000


def test_keys_are_the_same_in_every_process():
    assert stream_key(0, "weights") == 4194789700723333633
