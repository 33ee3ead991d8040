"""Convolutions by Winograd's products are convolutions."""

import pytest
import torch

from nnstatmech.moments import winograd
from nnstatmech.moments.convolutions import Convolution, convolve
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation


def images_and_kernels(inputs, outputs, height=6, width=10, dtype=torch.float64):
    stream = torch.Generator().manual_seed(1)
    images = torch.randn(3, height + 2, width + 2, inputs, generator=stream, dtype=torch.float64)
    kernels = torch.randn(outputs, 3, 3, inputs, generator=stream, dtype=torch.float64)
    return images.to(dtype), kernels.to(dtype)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (5, 3), (16, 16)])
def test_they_are_the_library_s_convolutions(inputs, outputs):
    """Height, width, inputs and outputs all differ, so that no two of them can be exchanged."""
    images, kernels = images_and_kernels(inputs, outputs)
    engine = winograd.Winograd(images)
    for factor in (1, -2):  # the workspace is used again
        engine.load(factor * kernels)
        torch.testing.assert_close(engine.convolve(images), convolve(images, factor * kernels), rtol=1e-12, atol=1e-12)


def test_rounding_is_no_worse_than_the_library_s():
    """Against double precision, at the width where they take over."""
    exact = convolve(*images_and_kernels(256, 256, 8, 8))
    images, kernels = images_and_kernels(256, 256, 8, 8, torch.float32)
    engine = winograd.Winograd(images)
    engine.load(kernels)
    errors = [
        (found.double() - exact).square().mean() for found in (engine.convolve(images), convolve(images, kernels))
    ]
    assert errors[0] <= 1.5 * errors[1]


@pytest.mark.parametrize(
    ("changed", "takes"),
    [({}, True), ({"width": 128}, False), ({"kernel_size": 1}, False)],
)
def test_wide_convolutions_of_single_precision_are_made_so(changed, takes):
    params = Propagation(**{"architecture": "vanilla", "width": 256, "depth": 20, "batch_size": 2} | changed)
    images = torch.randn(1, 2, 8, 8, 3)
    layer = Convolution(params, images, images, GaussianWeights([0], torch.device("cpu")))
    assert (layer.winograd is not None) == takes


@pytest.mark.parametrize("side", [(8, 8), (8, 12)])
def test_a_layer_is_the_same_either_way(side, monkeypatch):
    params = Propagation(architecture="vanilla", width=256, depth=20, batch_size=2, boundary="symmetric")
    images = torch.randn(2, 1, 2, *side, 3, generator=torch.Generator().manual_seed(2))

    def outputs():
        layer = Convolution(params, *images, GaussianWeights([3], torch.device("cpu")))
        for index, block in enumerate(layer.first()):
            layer.load_activated(index, block)
        return torch.cat([torch.cat(block, 1) for block in layer.outputs()])

    wide = outputs()
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 512)
    torch.testing.assert_close(wide, outputs(), rtol=1e-4, atol=1e-5)
