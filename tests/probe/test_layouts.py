"""Axes: canonical form and back, what is found and what a user states."""

import pytest
import torch
from torch import nn

from nnstatmech.probe.checks import ProbeError
from nnstatmech.probe.layouts import Layout, batch_axis, feature_candidates, from_letters, kind_axis

LAYOUTS = {
    "images first": (Layout(0, 1), (4, 3, 5, 6), (4, 3, 5, 6)),
    "channels last": (Layout(0, 3), (4, 5, 6, 3), (4, 3, 5, 6)),
    "batch second": (Layout(1, 2), (5, 4, 3), (4, 3, 5)),
    "all features": (Layout(0, None), (4, 3, 5), (4, 15)),
    "batch second, all features": (Layout(1, None), (3, 4, 5), (4, 15)),
    "merged": (Layout(0, 1, merged=5), (20, 3), (4, 3, 5)),
    "merged, images last": (Layout(0, 1, merged=5, images_first=False), (20, 3), (4, 3, 5)),
    "merged, all features": (Layout(0, None, merged=5), (20, 3), (4, 15)),
    "numbers": (Layout(0, None), (4,), (4, 1)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_canonical_and_back(name):
    layout, shape, expected = LAYOUTS[name]
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape)
    canonical = layout.canonical(tensor)
    assert tuple(canonical.shape) == expected
    assert torch.equal(layout.restored(canonical, tensor).reshape(shape), tensor)
    fewer = layout.restored(canonical[:2], tensor)
    assert fewer.numel() == tensor.numel() // 2
    assert torch.equal(layout.canonical(fewer.reshape(fewer.shape)), canonical[:2])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((slice(None), 1), Layout(1, None)),
        ((1,), Layout(0, None)),
        ((slice(None), slice(None), slice(2, 4)), Layout(2, None, merged=2)),
        ((slice(None), slice(None), slice(1, None, 3)), Layout(2, None, merged=2, images_first=False)),
    ],
    ids=str,
)
def test_the_batch_axis_is_where_one_image_changes(change, expected):
    before = torch.randn(3, 3, 6)
    after = before.clone()
    after[change] += 1
    assert batch_axis(before, after, images=3, changed=1) == expected


def test_no_axis():
    before = torch.randn(3, 3, 6)
    assert batch_axis(before, before.clone(), 3, 1) is None
    assert batch_axis(before, before * float("nan"), 3, 1) is None
    with pytest.raises(ProbeError):
        batch_axis(before, before + 1, 3, 1)


def test_letters():
    assert from_letters("BCHW", 4) == Layout(0, 1)
    assert from_letters("tbd", 3) == Layout(1, 2)
    assert from_letters("BHW", 3) == Layout(0, None)
    for letters, axes in (("BC", 3), ("CHW", 3), ("BCDW", 4), ("BBC", 3)):
        with pytest.raises(ProbeError, match="must give a letter for each"):
            from_letters(letters, axes)


def test_kinds_of_modules():
    class LayerNorm2d(nn.LayerNorm):
        pass

    assert kind_axis(nn.Conv1d(1, 1, 1)) == kind_axis(nn.BatchNorm2d(1)) == kind_axis(LayerNorm2d(1)) == "first"
    assert kind_axis(nn.Linear(1, 1)) == kind_axis(nn.LayerNorm(1)) == kind_axis(nn.GRU(1, 1)) == "last"
    assert kind_axis(nn.ReLU()) is None
    assert feature_candidates((2, 7, 5, 7), 0, nn.Linear(3, 7), torch.empty(2, 5, 7)) == (3, [1, 3])
    assert feature_candidates((2, 7, 5, 7), 0, nn.Conv1d(3, 5, 1), torch.empty(2, 5, 7)) == (1, [2])
