"""Cascades: exactly invertible networks, ensembles, layers of one's own."""

from dataclasses import dataclass

import pytest
import torch

from nnstatmech.cascades.decoders.cascade import fit_cascade, reconstruct
from nnstatmech.cascades.decoders.ridge import Ridge
from nnstatmech.cascades.decoders.trained import Adam
from nnstatmech.cascades.entropies import explained_variance
from nnstatmech.cascades.networks import Dense, PooledReadout, affine, cnn_body, initial_parameters, wide_body

from .samples import LAYERS, activations


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("method", [Ridge(1e-3), Adam((0, 1), 200, 16)])
def test_ensemble_equals_single_networks(layer, method):
    inputs, outputs = activations(layer)
    together = method.fit(layer, 4, inputs, outputs)(outputs)
    for member in (0, 1):
        own = slice(member, member + 1)
        alone = method if isinstance(method, Ridge) else Adam((member,), 200, 16)
        decoded = alone.fit(layer, 4, inputs[own], outputs[own])(outputs[own])
        torch.testing.assert_close(together[own], decoded, rtol=0, atol=1e-5)


def test_pooled_readout_cannot_be_decoded():
    layer = PooledReadout(5, 3, 10)
    with pytest.raises(ValueError, match="PooledReadout cannot be decoded"):
        Ridge(1e-3).fit(layer, 0, torch.zeros(1, 4, 5, 5, 3), torch.zeros(1, 4, 10))


def test_orthogonal_linear_network_is_inverted():
    """A rotation loses nothing: only λ, against variances of 0.01, keeps R² from 1."""
    width, depth = 30, 12
    layers = [Dense(width, width, activation=torch.clone, bias=False) for _ in range(depth)]
    generator = torch.Generator().manual_seed(3)
    rotations = torch.linalg.qr(torch.randn(depth, 1, width, width, generator=generator)).Q
    images = 0.1 * torch.randn(1, 500, width, generator=generator)
    fitted = fit_cascade(layers, lambda layer: [(rotations[layer], None)], Ridge(1e-7), images, images, [1, depth])
    explained = explained_variance(images[0], reconstruct(*fitted))
    # Each layer multiplies by about 1 / (1 + λ/0.01), and the error is the square of what is missing.
    assert (1 - explained).max() < (2 * depth * 1e-7 / 0.01) ** 2 + 1e-9


@pytest.mark.parametrize("layers", [wide_body(25, 6), cnn_body(12, 4, 3)])
def test_sweep_equals_separate_cascades(layers):
    def parameters(position):
        return initial_parameters(layers[position], position, [1.0, 2.0], 0.05, [0, 1])

    images = torch.rand(1, 80, *layers[0].in_shape)
    fitted, kept = fit_cascade(layers, parameters, Ridge(1e-3), images, images[:, :7], [2, 3, 6])
    swept = reconstruct(fitted, kept)
    assert swept.shape == (2, 3, 7, *layers[0].in_shape)
    for place, depth in enumerate((2, 3, 6)):
        x = images[:, :7]
        for position in range(depth):
            x = layers[position](parameters(position), x)
        for position in reversed(range(depth)):
            x = fitted[position](x)
        torch.testing.assert_close(swept[:, place], x, rtol=0, atol=1e-5)


@dataclass(frozen=True)
class GatedDense:
    """A dense layer of a user's own: tanh(x W + b) · (1 + tanh(x V + c)) / 2."""

    units: int

    decoder_windows = (0,)
    stride = 1

    @property
    def in_shape(self):
        return (self.units,)

    @property
    def out_shape(self):
        return (self.units,)

    @property
    def affine_maps(self):
        return ((self.units, self.units, True),) * 2

    def __call__(self, parameters, x):
        value, gate = (torch.tanh(affine(x, *own)) for own in parameters)
        return value * (1 + gate) / 2


@dataclass(frozen=True)
class PooledConvolution:
    """A convolution of a user's own that sees single pixels of averages over 2 × 2."""

    size: int
    channels: int
    features: int

    decoder_windows = (3,)
    stride = 2

    @property
    def in_shape(self):
        return (self.size, self.size, self.channels)

    @property
    def out_shape(self):
        return (self.size // 2, self.size // 2, self.features)

    @property
    def affine_maps(self):
        return ((self.channels, self.features, True),)

    def __call__(self, parameters, x):
        means = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5))
        rows = affine(means.flatten(1, 3), *parameters[0])
        return torch.tanh(rows).unflatten(1, means.shape[1:4])


@pytest.mark.parametrize("method", [Ridge(1e-3), Adam((0, 1), 16000, 16, 1e-2)])
@pytest.mark.parametrize("layers", [[GatedDense(16), GatedDense(16)], [PooledConvolution(8, 2, 6)]])
def test_layers_of_ones_own_are_decoded(layers, method):
    """A description with shapes, maps, windows, stride and a call is all that a cascade needs."""
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(1, 400, 16, generator=generator)
    if len(layers[0].in_shape) == 3:
        # Blocks of 2 × 2 equal pixels: averages over them tell everything.
        images = torch.rand(1, 400, 4, 4, 2, generator=generator).repeat_interleave(2, 2).repeat_interleave(2, 3)

    def parameters(position):
        return initial_parameters(layers[position], position, [1.0, 2.0], 0.05, [0, 1])

    fitted, kept = fit_cascade(layers, parameters, method, images, images[:, :50], range(1, len(layers) + 1))
    explained = explained_variance(images[0, :50].flatten(1), reconstruct(fitted, kept).flatten(3))
    assert explained.shape == (2, len(layers))
    assert (explained[:, 0] > 0.5).all()
