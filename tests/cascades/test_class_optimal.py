"""Training to outputs of ±1, and artificial outputs."""

import torch

from nnstatmech.cascades.class_optimal import class_outputs, train_to_signs
from nnstatmech.cascades.networks import Dense, forward, initial_parameters


def test_artificial_outputs():
    found = class_outputs(3, -0.5)
    torch.testing.assert_close(found, torch.tensor([[[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]]]))


def test_members_of_an_ensemble_train_independently():
    layers = [Dense(8, 6), Dense(6, 3)]
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(40, 8, generator=stream)
    labels = images[:, :3].argmax(1)
    order = torch.randint(40, (60, 2, 10), generator=stream)

    def drawn(seeds):
        return [
            initial_parameters(layer, position, [1.5] * len(seeds), 0.05, seeds)
            for position, layer in enumerate(layers)
        ]

    together = drawn([0, 1])
    train_to_signs(layers, together, images, labels, order, 1e-2)
    found = forward(layers, together, images[None])
    assert not found.requires_grad
    for member in (0, 1):
        alone = drawn([member])
        before = forward(layers, alone, images[None])
        train_to_signs(layers, alone, images, labels, order[:, member : member + 1], 1e-2)
        after = forward(layers, alone, images[None])
        # Adam divides by the root of small second moments, which magnifies rounding: 60 steps of 1e-2 still agree.
        torch.testing.assert_close(found[member], after[0], rtol=1e-4, atol=1e-5)
        targets = class_outputs(3, -1.0)[0, labels]
        assert (after[0] - targets).square().mean() < 0.9 * (before[0] - targets).square().mean()
