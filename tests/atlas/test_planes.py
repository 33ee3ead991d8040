"""Networks of the planes at initialisation: their laws, and that one parameter changes numbers only."""

import pytest
import torch

from nnstatmech.atlas.planes import PLANES, Shape
from nnstatmech.theory.activations import TANH
from nnstatmech.theory.mean_field import MeanField

SHAPE = Shape(width=12, side=8, classes=3)
WIDE = Shape(width=3000, side=14, classes=10)


@pytest.mark.parametrize("plane", PLANES)
def test_the_value_changes_no_shape(plane):
    one, other = (
        {name: tuple(weight.shape) for name, weight in PLANES[plane](value, 3, SHAPE).state_dict().items()}
        for value in (0.3, 2.0)
    )
    assert one == other
    assert PLANES[plane](1.0, 3, SHAPE)(torch.randn(5, 1, 8, 8)).shape == (5, 3)


def test_tanh_networks_are_at_the_fixed_point_of_mean_field():
    torch.manual_seed(0)
    with torch.no_grad():
        preactivations = PLANES["dense_tanh"](2.5, 12, WIDE)[:-2](torch.randn(4, 1, 14, 14))
    theory = MeanField(2.5, 0.05, TANH)
    # One layer of 3000 units: a relative error of about √(2/3000) = 2.6 %, and the layers before add theirs.
    assert preactivations.square().mean() == pytest.approx(theory.fixed_length, rel=0.08)


def test_relu_networks_grow_by_half_the_variance_a_layer():
    torch.manual_seed(0)
    network = PLANES["dense_relu"](3.0, 6, WIDE)
    x = torch.randn(4, 1, 14, 14)
    with torch.no_grad():
        early, late = network[:3](x).square().mean(), network[:-1](x).square().mean()
    assert (late / early).log() == pytest.approx(5 * torch.tensor(1.5).log(), abs=0.25)


@pytest.mark.parametrize("plane", ["residual", "transformer"])
def test_branches_of_scale_zero_change_nothing(plane):
    network = PLANES[plane](1e-12, 4, SHAPE)
    x = torch.randn(5, 1, 8, 8)
    shallow = torch.nn.Sequential(
        *[part for part in network if type(part).__name__ not in {"Residual", "EncoderBlock"}]
    )
    with torch.no_grad():
        if plane == "residual":
            torch.testing.assert_close(network(x), shallow(x))
        else:  # two normalisations in a row are one
            tokens = network[0](x)
            torch.testing.assert_close(network[1](tokens), network[2](network[1](tokens)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("plane", ["dense_batch_norm", "dense_layer_norm"])
def test_gains_set_the_size(plane):
    torch.manual_seed(0)
    x = torch.randn(64, 1, 8, 8)
    with torch.no_grad():
        small, large = (PLANES[plane](gain, 3, SHAPE)[:-2](x).square().mean() for gain in (0.5, 2.0))
    assert small == pytest.approx(0.25, rel=0.05)
    assert large == pytest.approx(4.0, rel=0.05)
