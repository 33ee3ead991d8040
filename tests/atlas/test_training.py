"""An ensemble trains like its members one by one, with PyTorch's own optimiser."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnstatmech.atlas.planes import PLANES, Shape
from nnstatmech.atlas.training import Ensemble

CPU = torch.device("cpu")
SHAPE = Shape(width=8, side=8, classes=3)


def batches(count):
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(6, 1, 8, 8, generator=generator), torch.randint(3, (6,), generator=generator))
        for _ in range(count)
    ]


def models(plane, count=3):
    torch.manual_seed(0)
    return [PLANES[plane](0.5 + member, 2, SHAPE) for member in range(count)]


@pytest.mark.parametrize("at_once", [None, 2])
@pytest.mark.parametrize("plane", PLANES)
def test_members_are_trained_like_single_networks(plane, at_once):
    networks, rates = models(plane), [0.01, 0.03, 0.1]
    ensemble = Ensemble(networks, rates, 0.9, CPU, at_once)
    losses = torch.stack([ensemble.step(*batch) for batch in batches(4)])
    for member, (network, rate) in enumerate(zip(networks, rates, strict=True)):
        alone = copy.deepcopy(network)
        optimiser = torch.optim.SGD(alone.parameters(), rate, 0.9)
        for step, (images, labels) in enumerate(batches(4)):
            optimiser.zero_grad()
            loss = F.cross_entropy(alone(images), labels)
            loss.backward()
            optimiser.step()
            torch.testing.assert_close(losses[step, member], loss.detach(), rtol=2e-4, atol=2e-5)
        for name, weight in alone.state_dict().items():
            torch.testing.assert_close(ensemble.weights[name][member], weight, rtol=2e-3, atol=2e-4)


def test_accuracies_are_those_of_each_member():
    networks = models("dense_tanh")
    images, labels = batches(1)[0]
    found = Ensemble(networks, [0.1] * 3, 0.9, CPU).accuracies(images, labels, at_once=4)
    wanted = [float((network(images).argmax(1) == labels).double().mean()) for network in networks]
    assert found.tolist() == wanted


def test_a_member_whose_numbers_overflow_has_no_accuracy():
    networks = models("dense_relu")
    with torch.no_grad():
        networks[1][-1].weight.fill_(torch.inf)
    images, labels = batches(1)[0]
    found = Ensemble(networks, [0.1] * 3, 0.9, CPU).accuracies(images, labels)
    assert found.isfinite().tolist() == [True, False, True]


def test_those_that_are_kept_go_on_as_they_were():
    networks = models("residual")
    whole, part = (Ensemble(networks, [0.01, 0.02, 0.03], 0.9, CPU) for _ in range(2))
    first, second = batches(2)
    whole.step(*first), part.step(*first)
    part.keep(torch.tensor([2, 0]))
    torch.testing.assert_close(part.step(*second), whole.step(*second)[[2, 0]])
    for name in whole.weights:
        torch.testing.assert_close(part.weights[name], whole.weights[name][[2, 0]])


def test_running_averages_are_refused():
    with pytest.raises(ValueError, match=r"buffers .*running_mean"):
        Ensemble([nn.BatchNorm1d(3)] * 2, [0.1] * 2, 0.9, CPU)
