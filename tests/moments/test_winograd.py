"""Convolutions by Winograd's products are convolutions."""

import numpy as np
import pytest
import torch

from nnstatmech.moments import winograd
from nnstatmech.moments.convolutions import Convolution, convolve
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation

needs_compiler = pytest.mark.skipif(winograd.library(4) is None, reason="no C compiler at hand, or another processor")


def images_and_kernels(images, inputs, outputs, height, width):
    stream = torch.Generator().manual_seed(1)
    padded = torch.randn(images, height + 2, width + 2, inputs, generator=stream)
    return padded, torch.randn(outputs, 3, 3, inputs, generator=stream)


def convolved(images, kernels):
    engine = winograd.Winograd(len(images), images.shape[1] - 2, images.shape[2] - 2, images.shape[3], len(kernels))
    found = []
    for sign in (-1, 1):  # the workspace and the kernels are used again
        engine.load(sign * kernels)
        found.append(sign * engine.convolve(images))
    assert torch.equal(*found)
    return found[1]


@pytest.mark.parametrize("tile", [2, 4])
def test_the_matrices_are_those_of_a_convolution(tile):
    a, b, g = winograd.matrices(tile)
    taken = np.einsum("ok,kw,ki->owi", a, g, b)  # output, weight, input
    output, weight, position = np.ogrid[:tile, :3, : tile + 2]
    exact = (position == output + weight).astype(float)
    np.testing.assert_allclose(taken, exact, rtol=0, atol=1e-14)


@needs_compiler
@pytest.mark.parametrize("size", [(6, 10), (8, 12)])
@pytest.mark.parametrize("images", [3, 48])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (5, 3), (17, 16), (130, 7)])
def test_they_are_the_library_s_convolutions(images, inputs, outputs, size):
    """Height, width, inputs and outputs all differ, so that no two of them can be exchanged."""
    padded, kernels = images_and_kernels(images, inputs, outputs, *size)
    exact = convolve(padded.double(), kernels.double())
    error = convolved(padded, kernels) - exact
    assert error.square().mean().sqrt() <= 16 * torch.finfo(torch.float32).eps * exact.square().mean().sqrt()


@needs_compiler
@pytest.mark.parametrize("channels", [64, 256])
@pytest.mark.parametrize(("side", "times"), [(6, 1), (8, 3)])
def test_rounding_is_as_said(channels, side, times):
    """Root mean square errors against the library's: below them in tiles of 2, three times in those of 4."""
    images, kernels = images_and_kernels(16, channels, channels, side, side)
    exact = convolve(images.double(), kernels.double())
    errors = [
        (found.double() - exact).square().mean() ** 0.5
        for found in (convolved(images, kernels), convolve(images, kernels))
    ]
    assert errors[0] <= times * errors[1]


@needs_compiler
@pytest.mark.parametrize(
    ("changed", "takes"),
    [({}, True), ({"width": 16}, False), ({"kernel_size": 1}, False), ({"boundary": "zero_padding"}, True)],
)
def test_layers_that_are_wide_enough_take_them(changed, takes):
    params = Propagation(**{"architecture": "vanilla", "width": 128, "depth": 20, "batch_size": 2} | changed)
    images = torch.randn(1, 8, 8, 8, 3)
    layer = Convolution(params, images, images, GaussianWeights([0], torch.device("cpu")))
    assert (layer.winograd is not None) == takes


@needs_compiler
@pytest.mark.parametrize("side", [(8, 8), (12, 16)])
def test_a_layer_is_the_same_either_way(side, monkeypatch):
    params = Propagation(architecture="vanilla", width=128, depth=20, batch_size=2, boundary="symmetric")
    images = torch.randn(2, 1, 8, *side, 3, generator=torch.Generator().manual_seed(2))

    def outputs():
        layer = Convolution(params, *images, GaussianWeights([3], torch.device("cpu")))
        for index, block in enumerate(layer.first()):
            layer.load_activated(index, block)
        return torch.cat([torch.cat(block, 1) for block in layer.outputs()])

    wide = outputs()
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 256)
    torch.testing.assert_close(wide, outputs(), rtol=1e-4, atol=1e-5)
