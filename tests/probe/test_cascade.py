"""Grids of decoders, rows of their regressions, and what they give back."""

import math

import pytest
import torch
from torch import nn

from nnstatmech.probe import cascade
from nnstatmech.probe.cascade import Grid, Regression, blocks_to_features, features_to_blocks, grid_of, ridge
from nnstatmech.probe.layouts import Layout
from nnstatmech.probe.probe import probe_model
from nnstatmech.probe.structure import UNBOUNDED, Block

from .networks import values


def block(window=1, strides=False):
    return Block(0, "b", "B", "1", 0, 0, Layout(0, 1), (), UNBOUNDED, window, strides, True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "window", "strides", "expected"),
    [
        ((), (), 1, False, Grid()),
        ((8, 8), (8, 8), 3, False, Grid((8, 8), (8, 8), 1, 3)),
        ((8, 8), (8, 8), 1, False, Grid((8, 8), (8, 8), 1, 1)),
        ((8, 8), (4, 4), 3, True, Grid((4, 4), (8, 8), 2, 3)),
        ((7, 7), (4, 4), 3, True, Grid((4, 4), (7, 7), 2, 3)),
        ((8, 8), (2, 2), 4, True, Grid((2, 2), (8, 8), 4, 1)),  # patches that do not overlap
        ((4, 4), (8, 8), 1, False, Grid((8, 8), (4, 4), 1, 1, spread=2)),
        ((8, 8), (6, 6), 3, False, Grid((6, 6), (8, 8), 1, 3)),
        ((8, 8), (64,), 1, False, Grid((64,), (64,))),
        ((8, 8), (65,), 1, False, Grid((64,), (64,), dropped=1)),  # a class token
        ((8, 8), (1, 1), 1, False, Grid()),
        ((8, 8), (), 1, False, Grid()),
        ((9,), (9,), 1, False, Grid((9,), (9,))),
    ],
)
def test_grids(inputs, outputs, window, strides, expected):
    assert grid_of(inputs, outputs, block(window, strides)) == expected


@pytest.mark.parametrize("axes", [1, 2])
def test_groups_of_positions_and_back(axes):
    x = torch.randn(2, 3, *[6] * axes)
    grouped = blocks_to_features(x, 2)
    assert grouped.shape == (2, 3 * 2**axes, *[3] * axes)
    assert torch.equal(features_to_blocks(grouped, 2), x)
    assert torch.equal(grouped[:, 0], x[(slice(None), 0, *[slice(0, None, 2)] * axes)])


@pytest.mark.parametrize("shape", [(3, 7, 7), (3, 8, 8)])
def test_targets_and_back(shape):
    regression = Regression(Grid((4, 4), shape[1:], 2, 3))
    x = torch.randn(5, *shape)
    rows = regression.targets(x)
    assert rows.shape == (5, 4, 4, 12)
    assert torch.equal(regression.assembled(rows, shape), x)
    assert regression.features(torch.randn(5, 6, 4, 4)).shape == (5, 4, 4, 6, 3, 3)


def test_ridge_in_both_forms():
    generator = torch.Generator().manual_seed(0)
    for count, width in ((50, 8), (8, 50)):
        rows = torch.randn(count, width, generator=generator, dtype=torch.float64)
        targets = torch.randn(count, 3, generator=generator, dtype=torch.float64)
        gram = rows.mT @ rows / count + 0.1 * torch.eye(width, dtype=torch.float64)
        expected = torch.linalg.solve(gram, rows.mT @ targets / count)
        (weights,) = ridge(rows, targets, [0.1])
        torch.testing.assert_close(weights(torch.eye(width, dtype=torch.float64)), expected)


def test_matrices_that_are_too_large_stay_factors(monkeypatch):
    rows, targets = torch.randn(8, 50).double(), torch.randn(8, 3).double()
    (whole,) = ridge(rows, targets, [0.1])
    monkeypatch.setattr(cascade, "LARGEST_WEIGHT", 10)
    (factors,) = ridge(rows, targets, [0.1])
    assert factors.primal is None
    torch.testing.assert_close(factors(rows), whole(rows))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Identity(), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 32, 2, 2), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 8, 1), nn.LeakyReLU(0.9)),
        nn.Sequential(nn.Conv2d(2, 8, 1), nn.PixelShuffle(2)),
    ],
    ids=["reshaping", "patches", "pointwise", "shuffled"],
)
def test_what_keeps_everything_is_inverted(network):
    torch.manual_seed(0)
    x = torch.randn(64, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    r2 = values(probe_model(network, x, lenses=("cascade",)), "r2")
    assert r2.min() > 0.99


def test_noise_gives_nothing_back():
    class Forgets(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 6)

        def forward(self, x):
            return self.linear(torch.sin(1e4 * x))

    x = torch.randn(512, 6, generator=torch.Generator().manual_seed(1))
    r2 = values(probe_model(nn.Sequential(Forgets(), nn.Linear(6, 6)), x, lenses=("cascade",)), "r2")
    assert abs(r2[1]) < 0.05
    assert abs(r2[2]) < 0.05


def test_too_few_images_give_no_cascade():
    table = probe_model(nn.Linear(6, 6), torch.randn(6, 6))
    assert "r2" not in set(table["quantity"].dropna())


def test_how_many_images_are_taken():
    cheap, dear = block(), Block(0, "b", "B", "64x32x32", 0, 10**9, Layout(0, 1), (), UNBOUNDED, 1, False, True)
    assert cascade.images_to_use([cheap], 5000, 64) == cascade.MOST_IMAGES
    assert cascade.images_to_use([cheap], 50, 64) == 50
    assert cascade.images_to_use([dear], 5000, 64) == 64
    assert math.isclose(cascade.RELATIVE, 1e-4)


def test_what_rounding_leaves_undetermined_is_left_out():
    """Rows of rank one and huge size: λ is lost in the rounding of the Gram matrix."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(1, 6, generator=generator, dtype=torch.float64)
    weights = torch.randn(20, 1, generator=generator, dtype=torch.float64)
    rows = 1e28 * weights @ direction
    (found,) = ridge(rows, weights, [1e-3])
    torch.testing.assert_close(found(rows), weights, rtol=1e-6, atol=1e-9)
    (wide,) = ridge(rows[:4], weights[:4], [1e-3])
    torch.testing.assert_close(wide(rows[:4]), weights[:4], rtol=1e-6, atol=1e-9)
