"""Messages do not depend on the units of the inputs."""

import pytest
import torch

from nnstatmech.message_passing import observables
from nnstatmech.message_passing.layers.layer import of_unit_size
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network

RULES = {
    "bp": {"algorithm": "bp"},
    "bp_cavity_variance": {"algorithm": "bp", "cavity_variance": True},
    "bpi": {"algorithm": "bpi"},
    "series": {"algorithm": "bpi", "series_order": 3},
    "amp": {"algorithm": "amp"},
    "mf": {"algorithm": "mf"},
    "real": {"algorithm": "amp", "weights": "continuous"},
}
WIDTHS = [31, 7, 1]


def fields_after_learning(rule: dict, scale: float, dtype=torch.float64, epsilon: float = 1.0):
    """Fields of the first layer after 20 polarising batches, and the Bayesian outputs."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(WIDTHS, seeds=[0], epsilon=epsilon, dtype=dtype, **rule)
    learner = Learner(network, LearningSettings(rho=1.05, damping=0.3, max_sweeps=2))
    for _ in range(20):
        x = torch.randn(1, 16, WIDTHS[0], generator=generator, dtype=torch.float64)
        y = torch.sign(x[..., :15].sum(-1))
        learner.train_batch((scale * x).to(dtype), y.to(dtype))
    return network.layers[0].weights.field, observables.bayesian_outputs(network, (scale * x).to(dtype))


@pytest.mark.parametrize("scale", [1e-6, 1e-12, 37.0, 1e9])
@pytest.mark.parametrize("rule", RULES)
def test_inputs_in_other_units_give_the_same_network(rule, scale):
    """Up to rounding, also where weights are decided and the floor of V acts."""
    for ours, reference in zip(
        fields_after_learning(RULES[rule], scale), fields_after_learning(RULES[rule], 1.0), strict=True
    ):
        torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rule", RULES)
def test_a_power_of_two_changes_no_digit(rule):
    ours, reference = (fields_after_learning(RULES[rule], scale, torch.float32) for scale in (2.0**-40, 1.0))
    assert all(torch.equal(a, b) for a, b in zip(ours, reference, strict=True))


def test_the_floor_of_decided_weights_is_relative():
    """All weights decided: V is 0 but for the floor, and ω/√V must not depend on the scale of the inputs."""
    x = torch.randn(1, 5, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outputs = []
    for scale in (1.0, 1e-6, 3e5):
        network = build_network([31, 1], "amp", [0], epsilon=1e6, dtype=torch.float64)
        assert (network.layers[0].weights.variance == 0).all()
        network.forward(scale * x)
        layer = network.layers[0]
        outputs.append(layer.omega * layer.variance.rsqrt())
    torch.testing.assert_close(outputs[1], outputs[0])
    torch.testing.assert_close(outputs[2], outputs[0])


def test_units_of_real_weights_do_not_matter():
    """The floor scales with the weights, too: m → c m, σ → c² σ leaves ω/√V alone."""
    x = torch.randn(1, 5, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratios = []
    for scale in (1.0, 1e-5):
        network = build_network([31, 1], "amp", [0], weights="continuous", dtype=torch.float64)
        weights = network.layers[0].weights
        weights.mean.mul_(scale)
        weights.variance.copy_(1e-24 * scale**2 * torch.ones_like(weights.variance))
        network.forward(x)
        ratios.append(network.layers[0].omega * network.layers[0].variance.rsqrt())
    torch.testing.assert_close(ratios[0], ratios[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_unit_size_is_a_power_of_two_and_spares_zeros(dtype):
    x = torch.tensor([[[3e-30, -1e-31]], [[0.0, 0.0]], [[700.0, -900.0]]], dtype=dtype)
    scaled = of_unit_size(x)
    assert ((scaled[[0, 2]].abs().amax((1, 2)) >= 0.5) & (scaled[[0, 2]].abs().amax((1, 2)) < 1)).all()
    assert (scaled[1] == 0).all()
    factors = torch.log2(scaled[[0, 2], 0, 0] / x[[0, 2], 0, 0])
    assert torch.equal(factors, factors.round())


@pytest.mark.parametrize("rule", RULES)
def test_an_image_of_zeros_teaches_nothing_and_breaks_nothing(rule):
    network = build_network(WIDTHS, seeds=[0], **RULES[rule])
    learner = Learner(network, LearningSettings(rho=1.0, damping=0.0))
    before = network.layers[0].weights.field.clone()
    learner.train_batch(torch.zeros(1, 4, WIDTHS[0]), torch.ones(1, 4))
    assert torch.isfinite(network.layers[1].weights.field).all()
    torch.testing.assert_close(network.layers[0].weights.field, before)
