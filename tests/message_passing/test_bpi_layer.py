"""Which kernel a layer of BPI takes, replica by replica, and what is not computed."""

import pytest
import torch

from nnstatmech.message_passing.layers.bpi import BPILayer
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network


def learned(exact: list[int], density: float = 1.0, order: int | None = 3) -> list[torch.Tensor]:
    network = build_network([31, 11, 1], "bpi", [0, 1], series_order=order, density=density, dtype=torch.float64)
    for layer in network.layers:
        assert isinstance(layer, BPILayer)
        layer.exact_replicas = exact
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2, 8, 31, generator=generator, dtype=torch.float64)
    labels = torch.randn(2, 8, generator=generator, dtype=torch.float64).sign()
    Learner(network, LearningSettings()).train_batch(inputs, labels)
    return [layer.weights.field for layer in network.layers]


@pytest.mark.parametrize("density", [1.0, 0.4])
def test_each_replica_has_the_kernel_that_it_is_given(density):
    mixed, series, exact = learned([1], density), learned([], density), learned([], density, order=None)
    for ours, first, second in zip(mixed, series, exact, strict=True):
        torch.testing.assert_close(ours[0], first[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(ours[1], second[1], rtol=1e-12, atol=1e-12)
        assert not torch.allclose(first[1], second[1], rtol=1e-9)


@pytest.mark.parametrize(("exact", "replicas"), [([], [2, 2]), ([1], [1, 1]), ([0, 1], [])])
def test_the_series_is_not_computed_where_the_exact_kernel_is(monkeypatch, exact, replicas):
    counted = []
    series = BPILayer._series
    monkeypatch.setattr(BPILayer, "_series", lambda self, g, *rest: counted.append(len(g)) or series(self, g, *rest))
    learned(exact)
    assert counted == replicas
