"""Decoders against scikit-learn, PyTorch modules and exactly invertible networks."""

import pytest
import torch
from sklearn.linear_model import Ridge as ScikitRidge
from torch import nn

from nnstatmech.cascades import decoders, networks
from nnstatmech.cascades.decoders import (
    Adam,
    Ridge,
    assemble,
    fit_cascade,
    full_precision,
    presentation_order,
    reconstruct,
    target_rows,
)
from nnstatmech.cascades.entropies import differential_entropy, explained_variance
from nnstatmech.cascades.networks import (
    Convolution,
    Dense,
    PooledReadout,
    ResidualBlock,
    cnn_body,
    initial_parameters,
    wide_body,
)

LAYERS = [
    Dense(20, 12),
    Convolution(6, 2, 3),
    Convolution(6, 2, 3, stride=2),
    Convolution(7, 2, 3, stride=2),
    Convolution(6, 3, 3, padding="periodic"),
    Convolution(6, 3, 4, padding="none"),
    ResidualBlock(5, 3),
]


def activations(layer, images=64, variances=(0.8, 2.0), seeds=(0, 1)):
    generator = torch.Generator().manual_seed(0)
    inputs = 0.7 * torch.randn(len(seeds), images, *layer.in_shape, generator=generator).tanh()
    return inputs, layer(initial_parameters(layer, 0, variances, 0.05, seeds), inputs)


@pytest.mark.parametrize("layer", LAYERS)
def test_rows_are_put_back_in_place(layer):
    inputs, _ = activations(layer)
    assert torch.equal(assemble(layer, target_rows(layer, inputs)), inputs)


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


class OriginalConvolution(nn.Module):
    """The original work's decoder of a convolution: transposed convolution and tanh, cropped to size."""

    def __init__(self, features, channels, stride=1):
        super().__init__()
        self.up = nn.ConvTranspose2d(features, channels, 3, stride)
        self.stride = stride

    def forward(self, x):
        x = self.up(x.permute(0, 3, 1, 2)).tanh()
        x = x[:, :, 1:-1, 1:-1] if self.stride == 1 else x[:, :, :-1, :-1]
        return x.permute(0, 2, 3, 1)


def original_decoder(layer):
    if isinstance(layer, Dense):
        return nn.Sequential(nn.Linear(layer.outputs, layer.inputs), nn.Tanh())
    features, channels = layer.out_shape[-1], layer.in_shape[-1]
    if isinstance(layer, ResidualBlock):
        return nn.Sequential(*(OriginalConvolution(channels, channels) for _ in range(2)))
    return OriginalConvolution(features, channels, layer.stride)


def load(module, decoder, layer):
    """Copy the initial parameters of the first of our decoders into PyTorch's modules."""
    maps = [part for part in module.modules() if isinstance(part, nn.Linear | nn.ConvTranspose2d)]
    for part, (weight, bias) in zip(maps, decoder.parameters, strict=True):
        weight = weight[0].detach()
        if isinstance(part, nn.Linear):
            part.weight.data = weight.T.clone()
        elif part.stride == (1, 1):
            # Our window's row i holds the output i - 1 rows away, which kernel row 2 - i brings to the pixel.
            part.weight.data = weight.unflatten(0, (3, 3, -1)).flip(0, 1).permute(2, 3, 0, 1).clone()
        else:
            blocks = weight.unflatten(1, (2, 2, -1)).unflatten(0, (3, 3, -1))
            # Kernel row: 0 = this output, upper pixel; 1 = this output, lower pixel; 2 = previous output, upper pixel.
            rows = torch.stack([blocks[1, :, :, 0], blocks[1, :, :, 1], blocks[0, :, :, 0]])
            part.weight.data = torch.stack([rows[:, 1, :, 0], rows[:, 1, :, 1], rows[:, 0, :, 0]], 1).permute(
                2, 3, 0, 1
            )
        part.bias.data = bias[0, 0].detach().clone()


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer.in_shape[0] != 7 and layer.out_shape[0] != 4])
def test_adam_is_the_original_procedure(layer):
    """Equal initial parameters and batches give what PyTorch's modules, loss and optimiser give."""
    inputs, outputs = activations(layer)
    method = Adam((0, 1), 320, 16, 3e-3)
    module = original_decoder(layer)
    load(module, method.initial_decoder(layer, 0, "cpu"), layer)
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    order = torch.cat([torch.arange(64)[index] for index in presentation_order(64, 320)])
    for batch in order.split(16):
        optimiser.zero_grad()
        nn.functional.mse_loss(module(outputs[0, batch]), inputs[0, batch]).backward()
        optimiser.step()
    decoded = method.fit(layer, 0, inputs, outputs)(outputs)[0]
    torch.testing.assert_close(decoded, module(outputs[0]).detach(), rtol=0, atol=1e-5)


def test_initial_decoders_are_uniform_within_the_fan_in():
    for layer, bound in ((Dense(200, 100), 0.1), (Convolution(8, 4, 9), 1 / 6)):
        weight, bias = Adam((0,), 1).initial_decoder(layer, 0, "cpu").parameters[0]
        assert weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=4 / (2 * weight.numel()) ** 0.5)
        assert bias.abs().max() <= bound


def test_presentations_pass_over_all_images():
    passes = [torch.arange(10)[index].tolist() for index in presentation_order(10, 25)]
    assert [len(order) for order in passes] == [10, 10, 5]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(10))
    assert passes[0] != passes[1]
    assert [torch.arange(10)[index].tolist() for index in presentation_order(10, 3)] == [[0, 1, 2]]


def test_pooled_readout_cannot_be_decoded():
    layer = PooledReadout(5, 3, 10)
    with pytest.raises(ValueError, match="pooled readout"):
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


def test_memory_chunks_change_nothing(monkeypatch):
    layer = Convolution(6, 2, 3)
    inputs, outputs = activations(layer)
    expected = Ridge(1e-3).fit(layer, 0, inputs, outputs)(outputs)
    monkeypatch.setitem(decoders.SCRATCH, "cpu", 5000)
    # Float32 rounding of the Gram matrix, 1e-7, is amplified by at most its largest eigenvalue over λ, some 100.
    torch.testing.assert_close(Ridge(1e-3).fit(layer, 0, inputs, outputs)(outputs), expected, rtol=0, atol=1e-5)


def test_precision_is_restored():
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision("highest")


def rounded_to_tf32(x):
    """Float32 numbers rounded to the 10 bits of mantissa that TF32 products keep."""
    return torch.ldexp(
        torch.round(torch.ldexp(torch.frexp(x).mantissa, torch.tensor(11))), torch.frexp(x).exponent - 11
    )


def collapsed_entropies(monkeypatch, rounding):
    """Differential entropies over the depth of an ordered network whose products round their factors."""
    width, depth, exact_affine = 60, 24, networks.affine
    layers = wide_body(width, depth)

    def rounding_affine(x, weight, bias):
        # The gradient passes the rounding as if it were not there.
        factors = (factor + (rounding(factor) - factor).detach() for factor in (x, weight))
        return exact_affine(*factors, bias)

    def parameters(position):
        return initial_parameters(layers[position], position, [0.5], 0.05, [0])

    images = torch.rand(1, 400, width, generator=torch.Generator().manual_seed(0))
    with monkeypatch.context() as patch:
        patch.setattr(networks, "affine", rounding_affine)
        patch.setattr(decoders, "affine", rounding_affine)
        fitted, kept = fit_cascade(layers, parameters, Adam((0,), 640), images, images[:, :100], range(1, depth + 1))
        return differential_entropy(reconstruct(fitted, kept)[0])


def test_why_tf32_is_off(monkeypatch):
    """In the ordered phase images differ by a factor χ^(l/2) after l layers, down to the rounding of the products.

    In float32 the entropy stops at its noise floor of -17 to -19.8; with TF32 factors already some -12.5.
    """
    single = collapsed_entropies(monkeypatch, torch.clone)
    tf32 = collapsed_entropies(monkeypatch, rounded_to_tf32)
    torch.testing.assert_close(single[:5], tf32[:5], rtol=0, atol=0.01)
    assert -19.8 < single[-1] < -17
    assert tf32[-1] > single[-1] + 4
