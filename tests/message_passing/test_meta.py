"""Learning looks at no value of a tensor: it runs on the meta device, where there are none."""

import pytest
import torch

from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network

RULES = {
    "amp": {"algorithm": "amp"},
    "amp, sparse": {"algorithm": "amp", "density": 0.5},
    "series": {"algorithm": "bpi", "series_order": 3},
    "bpi": {"algorithm": "bpi"},
    "bp": {"algorithm": "bp"},
    "mf": {"algorithm": "mf"},
    "real weights": {"algorithm": "amp", "weights": "continuous"},
    "ten classes": {"algorithm": "amp", "output": "argmax"},
}


@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_a_mini_batch_waits_for_no_value(rule, sweeps):
    options = RULES[rule]
    classes = 10 if options.get("output") else 1
    network = build_network([31, 11, classes], seeds=[0, 1], device="meta", **options)
    learner = Learner(network, LearningSettings(max_sweeps=sweeps))
    labels = torch.zeros(2, 8, dtype=torch.long if classes > 1 else torch.float32, device="meta")
    learner.learn_batch(torch.empty(2, 8, 31, device="meta"), labels)
    assert network.layers[0].weights.mean.shape == (2, 11, 31)
