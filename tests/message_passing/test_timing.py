"""The task ``timing``."""

import numpy as np
import pytest
import torch

from nnstatmech.datasets import Dataset
from nnstatmech.message_passing.params import Timing
from nnstatmech.message_passing.tasks import timing

CPU = torch.device("cpu")


def test_timing_reports_every_rule_at_every_batch_size():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 5, 5, 1), dtype=np.uint8)
    labels = rng.integers(0, 10, 40)
    data = Dataset("mnist", images, labels, images, labels, "noise", True)
    params = Timing(batch_sizes=[2, 16], batches=[3, 2], hidden=[7, 7], samples=100)
    frame = timing.run(params, [0, 1], data, CPU).to_pandas()
    assert len(frame) == 5 * 2 * 2 * 2
    assert set(frame["algorithm"]) == {"bpi", "series", "amp", "mf", "sgd"}
    assert (frame["value"] > 0).all()


def test_timing_needs_a_data_set():
    with pytest.raises(ValueError, match="data set"):
        timing.run(Timing(), [0], None, CPU)
