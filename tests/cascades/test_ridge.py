"""Ridge decoders against scikit-learn's."""

import torch
from sklearn.linear_model import Ridge as ScikitRidge
from torch import nn

from nnstatmech.cascades.decoders.ridge import Ridge

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
