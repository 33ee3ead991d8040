"""Trained decoders against PyTorch's modules and optimiser."""

import pytest
import torch
from torch import nn

from nnstatmech.cascades.decoders.trained import Adam, presentation_order
from nnstatmech.cascades.networks import Convolution, Dense, ResidualBlock

from .samples import LAYERS, activations


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
