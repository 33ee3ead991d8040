"""Where AMP, an expansion in the share of one weight, ceases to be belief propagation, and how a table says so."""

import pytest
import torch
from message_passing import tables

from nnstatmech.message_passing.curves.training import SMALLEST_EXPANSION_RATIO, breakdown_epoch
from nnstatmech.message_passing.network import build_network

INPUTS, IMAGES, UNITS = 784, 32, 21


def pixels() -> torch.Tensor:
    """Standardised images of two grey levels, 15 % of them light: max|x| = 2.8, like handwritten digits."""
    light = torch.rand(1, IMAGES, INPUTS, generator=torch.Generator().manual_seed(0)) > 0.85
    return torch.where(light, 2.8, -0.42).double()


def fields(rule: str, strength: float):
    """Fields that the first layer would receive, ⟨q0⟩, and the smallest √V/max|x̂|; H = strength × normal."""
    network = build_network([INPUTS, UNITS, 1], rule, [0], epsilon=strength, dtype=torch.float64)
    x = pixels()
    y = torch.sign(x[..., ::2].sum(-1) - x[..., ::2].sum(-1).median())
    y[y == 0] = 1
    network.forward(x)
    top = network.layers[1]
    bottom = network.layers[0]
    sent = bottom.messages(top.messages(network.top_field(y)).field_down)
    field_in = sent.field_in if sent.slope is None else sent.field_in + bottom.weights.mean * sent.slope
    ratio = bottom.variance.amin().sqrt() / bottom.inputs.mean.abs().amax()
    return field_in, float(bottom.weights.mean.square().mean()), float(ratio)


def off(strength: float) -> tuple[float, float, float]:
    """Root mean square error of AMP's fields, as a part of exact BP's; ⟨q0⟩; ratio."""
    amp, q0, ratio = fields("amp", strength)
    exact = fields("bp", strength)[0]
    return float((amp - exact).square().mean().sqrt() / exact.square().mean().sqrt()), q0, ratio


def test_amp_agrees_with_bp_where_its_ratio_is_above_the_smallest_allowed_one():
    for strength in (0.5, 1.0, 3.0, 6.0, 8.0):
        error, _, ratio = off(strength)
        if ratio > SMALLEST_EXPANSION_RATIO:
            assert error < 0.05
    assert off(1.0)[0] < 0.01


def test_polarised_weights_are_noticed():
    """q0 = .97 and .99: the fields are off by more than a twentieth and more than a quarter."""
    for strength, smallest in ((40.0, 0.05), (130.0, 0.25)):
        error, q0, ratio = off(strength)
        assert q0 > 0.96
        assert error > smallest
        assert ratio < SMALLEST_EXPANSION_RATIO


@pytest.mark.parametrize("variant", ["exact", "same_time", "seed"])
def test_the_table_has_the_ratio_of_every_layer_and_epoch(variant):
    shared = {"hidden": [11], "batch_size": 20, "algorithm": "amp", "tap_variant": variant, "epochs": 3}
    table = tables.table("training", rho=1.0, seeds=(0,), **shared)
    rows = table[table["quantity"] == "expansion_ratio"]
    assert rows.groupby("epoch").size().to_dict() == {1: 2, 2: 2, 3: 2}
    assert (rows["value"] > 0).all()


def test_the_epoch_of_breakdown_is_the_first_with_a_layer_below():
    strong, weak = (
        tables.table("training", rho=rho, hidden=[11], batch_size=20, algorithm="amp", epochs=6, psi=0.0, seeds=(0, 1))
        for rho in (1.2, 0.5)
    )
    ratios = strong[strong["quantity"] == "expansion_ratio"].groupby("epoch")["value"].min()
    first = breakdown_epoch(strong)
    assert first == ratios.index[ratios < SMALLEST_EXPANSION_RATIO][0]
    assert breakdown_epoch(weak) is None or breakdown_epoch(weak) >= first
    bp = tables.table("training", rho=1.0, hidden=[11], batch_size=20, algorithm="bp", epochs=1, seeds=(0,))
    assert breakdown_epoch(bp) is None
