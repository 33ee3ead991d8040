"""Ridge decoders against scikit-learn's."""

import pytest
import torch
from sklearn.linear_model import Ridge as ScikitRidge
from torch import nn

from nnstatmech.cascades.decoders import ridge
from nnstatmech.cascades.decoders.ridge import Ridge, Ridges
from nnstatmech.cascades.networks import Dense, initial_parameters

from .samples import LAYERS, activations


def test_dense_ridge_is_scikit_learns():
    inputs, outputs = activations(LAYERS[0])
    decoder = Ridge(0.03).fit(LAYERS[0], 0, inputs, outputs)
    for x, a, decoded in zip(inputs.double(), outputs.double(), decoder(outputs), strict=True):
        expected = ScikitRidge(alpha=0.03 * len(a)).fit(a, x).predict(a).clip(-1, 1)
        torch.testing.assert_close(decoded.double(), torch.as_tensor(expected), rtol=0, atol=2e-6)


def test_convolutional_ridge_is_scikit_learns():
    """Regression of each pixel on the 3 × 3 window of centred channels around it."""
    layer = LAYERS[1]
    inputs, outputs = activations(layer)
    decoder = Ridge(0.03).fit(layer, 0, inputs, outputs)
    x, a = inputs[0].double(), outputs[0].double()
    windows = nn.functional.unfold((a - a.mean((0, 1, 2))).permute(0, 3, 1, 2), 3, padding=1)
    rows = windows.transpose(1, 2).flatten(0, 1)
    expected = ScikitRidge(alpha=0.03 * len(rows)).fit(rows, x.flatten(0, 2)).predict(rows).clip(-1, 1)
    torch.testing.assert_close(decoder(outputs)[0].double().flatten(0, 2), torch.as_tensor(expected), rtol=0, atol=3e-6)


@pytest.mark.parametrize("strength", [1e-7, 1e-5])
def test_weak_regularisation_is_not_lost_in_rounding(strength):
    """More units than images, so that only the ridge makes the Gram matrix regular."""
    stream = torch.Generator().manual_seed(0)
    layer, images, side = Dense(784, 784), 300, 28
    inputs = torch.rand(1, images, side**2, generator=stream)
    outputs = layer(initial_parameters(layer, 0, [1.0], 0.05, [0]), inputs)
    decoder = Ridge(strength).fit(layer, 0, inputs, outputs)
    x, a = inputs[0].double(), outputs[0].double()
    a = a - a.mean(0)
    # The dual form, by the eigenvalues of the images' products: exact where features outnumber images.
    values, vectors = torch.linalg.eigh(a @ a.mT / images)
    weight = a.mT @ vectors @ torch.diag(1 / (values + strength)) @ vectors.mT @ (x - x.mean(0)) / images
    torch.testing.assert_close(decoder.weight[0].double(), weight, rtol=1e-4, atol=1e-5)


def test_a_pixel_that_is_not_a_number_is_named():
    inputs, outputs = activations(LAYERS[0])
    outputs[0, 3, 2] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        Ridge(0.03).fit(LAYERS[0], 0, inputs, outputs)


@pytest.mark.parametrize("layer", LAYERS)
def test_strengths_together_are_those_alone(layer):
    inputs, outputs = activations(layer)
    for strengths in ((0.1, 1e-3), (1e-2, 1e-6)):
        for decoder, strength in zip(Ridges(strengths).fit(layer, 0, inputs, outputs), strengths, strict=True):
            alone = Ridge(strength).fit(layer, 0, inputs, outputs)
            torch.testing.assert_close(decoder(outputs), alone(outputs), rtol=0, atol=2e-5)


def test_single_precision_is_enough_down_to_its_bound(monkeypatch):
    """At the smallest strength that is summed in float32, deep in the ordered phase and in chaos."""
    stream = torch.Generator().manual_seed(0)
    layer, images = Dense(100, 100), 2048
    for variance, spread in ((0.5, 0.02), (4.0, 1.0)):
        inputs = (0.5 + spread * torch.randn(1, images, 100, generator=stream)).clamp(-1, 1)
        outputs = layer(initial_parameters(layer, 0, [variance], 0.05, [0]), inputs)
        single = Ridge(ridge.SINGLE_PRECISION).fit(layer, 0, inputs, outputs)(outputs)
        monkeypatch.setattr(ridge, "SINGLE_PRECISION", 1.0)
        double = Ridge(1e-4).fit(layer, 0, inputs, outputs)(outputs)
        monkeypatch.undo()
        torch.testing.assert_close(single, double, rtol=0, atol=2e-6)
