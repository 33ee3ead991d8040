"""Loops that never wait for a device: tensors without content, as on a GPU whose results nobody has asked for."""

import pytest
import torch

from nnstatmech.cascades.decoders.cascade import fit_cascade, reconstruct
from nnstatmech.cascades.decoders.ridge import Ridges
from nnstatmech.cascades.images import Batches
from nnstatmech.cascades.networks import cnn_body, initial_network, resnet_body, wide_body, wide_classifier
from nnstatmech.cascades.training import MomentumDescent, train

NOWHERE = torch.device("meta")


@pytest.mark.parametrize("body", [wide_body(36, 3), cnn_body(12, 2, 3), resnet_body(12, 2, 3)])
def test_ridge_cascades_ask_for_no_number(body):
    network = initial_network(body, [1.0, 2.0], 0.05, [0, 0], NOWHERE)
    images = torch.empty(1, 50, *body[0].in_shape, device=NOWHERE)
    decoders, activations = fit_cascade(body, network.__getitem__, Ridges((1e-2, 1e-6)), images, images, [2, 3])
    for own in zip(*decoders, strict=True):
        found = reconstruct(own, activations)
        assert found.shape == (2, 2, 50, *body[0].in_shape)
        assert found.device == NOWHERE


def test_steps_of_training_ask_for_no_number():
    layers = wide_classifier(36, 4)
    network = initial_network(layers, [1.0, 2.0, 3.0], 0.05, [0, 0, 1], NOWHERE)
    images, labels = torch.empty(40, 36, device=NOWHERE), torch.empty(40, dtype=torch.int64, device=NOWHERE)
    batches = Batches.of([0, 0, 1], "training", images, labels, 8, steps=6, steps_of_epoch=3)
    losses = train(MomentumDescent(layers, network, 0.1, 0.9), batches.of_epoch(2))
    assert [loss.shape for loss in losses] == [(3,)] * 3
    assert losses[0].device == NOWHERE
