"""The training loop, gradients written out by hand, accuracy."""

import pytest
import torch
from torch.nn import functional

from nnstatmech.cascades.hyperbolic import tanh
from nnstatmech.cascades.networks import Dense, forward, initial_network, linear, wide_classifier
from nnstatmech.cascades.training import Descent, MomentumDescent, accuracy, backward, train, trainable

from .samples import colour_images, coloured_blobs, network_and_decoders


def network(layers, variances, seeds):
    return initial_network(layers, variances, 0.05, seeds)


def copies(parameters, member=slice(None)):
    return [[(weight[member].clone(), bias[member].clone()) for weight, bias in pairs] for pairs in parameters]


def test_the_loop_shows_every_batch_once():
    seen, steps = [], []
    results = train(lambda a, b: seen.append((a, b)) or a + b, [(1, 2), (3, 4)], lambda: steps.append(1))
    assert (results, seen, len(steps)) == ([3, 7], [(1, 2), (3, 4)], 2)


def test_descent_minimises_and_follows_its_schedule():
    """One parameter, loss w²/2, rate 1/2 halved by the schedule: w = 1, 1/2, 3/8."""
    weight = torch.ones(1, 1, 1)
    with trainable([[(weight, None)]]) as tensors:
        optimiser = torch.optim.SGD(tensors, lr=0.5)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.5)
        losses = train(Descent(optimiser, backward(lambda: weight.square().sum() / 2), schedule), [(), ()])
    assert torch.stack(losses).tolist() == [0.5, 0.125]
    assert weight.item() == 0.375
    assert not weight.requires_grad
    assert weight.grad is None


@pytest.mark.parametrize("readout", [linear, tanh])
def test_gradients_by_hand_equal_automatic_differentiation(readout):
    layers = [Dense(7, 9), Dense(9, 6), Dense(6, 4, readout)]
    parameters = network(layers, [1.5, 3.0], [0, 1])
    reference = copies(parameters)
    stream = torch.Generator().manual_seed(1)
    batches = [(torch.randn(2, 5, 7, generator=stream), torch.randint(4, (2, 5), generator=stream)) for _ in range(4)]

    def loss(images, labels):
        outputs = forward(layers, reference, images)
        return functional.cross_entropy(outputs.transpose(1, 2), labels, reduction="none").mean(1).sum()

    by_hand = train(MomentumDescent(layers, parameters, learning_rate=0.3, momentum=0.8), batches)
    with trainable(reference) as tensors:
        automatic = train(Descent(torch.optim.SGD(tensors, lr=0.3, momentum=0.8), backward(loss)), batches)
    torch.testing.assert_close(torch.stack(by_hand).sum(1), torch.stack(automatic))
    for pairs, wanted in zip(parameters, reference, strict=True):
        for tensor, other in zip(pairs[0], wanted[0], strict=True):
            torch.testing.assert_close(tensor, other)


def test_an_ensemble_trains_like_its_members_alone():
    layers = wide_classifier(16, depth=5)
    together = network(layers, [1.0, 1.76, 3.0], [0, 0, 1])
    alone = [copies(together, slice(member, member + 1)) for member in range(3)]
    stream = torch.Generator().manual_seed(2)
    batches = [(torch.rand(3, 8, 16, generator=stream), torch.randint(10, (3, 8), generator=stream)) for _ in range(10)]
    losses = torch.stack(train(MomentumDescent(layers, together, 0.05, 0.9), batches))
    for member in range(3):
        one = slice(member, member + 1)
        single = MomentumDescent(layers, alone[member], 0.05, 0.9)
        curve = torch.stack(train(single, [(images[one], labels[one]) for images, labels in batches]))
        # Different orders of float32 sums; ten steps amplify the rounding of 1e-7 by less than 100.
        torch.testing.assert_close(losses[:, one], curve, rtol=1e-5, atol=1e-6)


def test_only_activations_with_a_written_gradient_are_accepted():
    layers = [Dense(3, 2, torch.relu)]
    with pytest.raises(ValueError, match="tanh and linear"):
        MomentumDescent(layers, network(layers, [1.0], [0]), 0.1)


def test_accuracy_counts_hits_and_marks_diverged_networks():
    layers = [Dense(3, 3, linear)]
    weight = torch.eye(3).repeat(3, 1, 1)
    weight[1] = weight[1].roll(1, 1)
    weight[2, 0, 0] = torch.inf
    parameters = [[(weight, torch.zeros(3, 1, 3))]]
    images, labels = torch.eye(3).repeat(300, 1), torch.arange(3).repeat(300)
    found = accuracy(lambda x: forward(layers, parameters, x[None]), images, labels, at_once=512)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, torch.nan], dtype=torch.float64), equal_nan=True)


def test_accuracy_of_one_network_counts_all_images():
    found, _ = network_and_decoders()
    images = colour_images(coloured_blobs())
    labels = found(images[:200]).argmax(1)
    labels[:50] = (labels[:50] + 1) % 10
    assert accuracy(found, images, labels, at_once=64) == 0.75
