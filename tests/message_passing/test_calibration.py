"""Calibration: measures on probabilities whose truth is known, enumerated posteriors, and the votes of samples."""

import numpy as np
import pytest
import torch
from message_passing.tables import CPU, images
from scipy.special import expit

from nnstatmech.message_passing import calibration
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.params import Calibration, Repetition
from nnstatmech.message_passing.tasks import calibration as task
from nnstatmech.message_passing.tasks import repetition


@pytest.fixture(scope="module")
def known():
    """Log odds and labels drawn from them."""
    generator = np.random.default_rng(0)
    odds = 2 * generator.normal(size=40_000)
    return odds, np.where(generator.random(len(odds)) < expit(odds), 1.0, -1.0)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_slopes_undo_a_known_sharpening(known, sharpness):
    odds, labels = known
    assert calibration.slope(expit(sharpness * odds), labels) == pytest.approx(1 / sharpness, rel=0.04)


def test_calibration_error_has_its_floor(known):
    odds, labels = known
    p = expit(odds)
    floor = calibration.error_floor(p, np.random.default_rng(1))
    assert calibration.calibration_error(p, labels) == pytest.approx(floor, abs=0.003)
    sharp = expit(3 * odds)
    confidence, accuracy = calibration.reliability(sharp, labels)
    assert calibration.calibration_error(sharp, labels) == pytest.approx(np.abs(confidence - accuracy).mean(), rel=1e-2)
    assert calibration.calibration_error(sharp, labels) > 5 * floor


def test_detection_counts_pairs():
    inside, outside = np.array([0.9, 0.2, 0.6]), np.array([0.55, 0.3])
    confident = np.maximum(inside, 1 - inside)[:, None] - np.maximum(outside, 1 - outside)[None]
    assert calibration.detection(inside, outside) == pytest.approx((confident > 0).mean())


def test_likelihood_by_hand():
    p, labels = np.array([0.8, 0.3]), np.array([1.0, 1.0])
    assert calibration.negative_log_likelihood(p, labels) == pytest.approx(-np.log([0.8, 0.3]).mean())
    squared = p**2 / (p**2 + (1 - p) ** 2)
    assert calibration.negative_log_likelihood(p, labels, 2.0) == pytest.approx(-np.log(squared).mean())


def test_votes_are_those_of_the_posterior():
    """One layer: the frequency of +1 is P(w·x > 0), here of seven weights that are enumerated."""
    generator = torch.Generator().manual_seed(0)
    mean = torch.tanh(torch.randn(1, 7, generator=generator))
    x = torch.randn(20, 7, generator=generator)
    votes = task.sampled_votes([mean], x, 4000, 0) / 4000
    states = repetition.all_signs(7)
    weights = torch.prod((1 + states * mean.double()) / 2, 1)
    exact = ((x.double() @ states.T) > 0).double() @ weights
    assert (votes - exact).abs().max() < 5 * 0.5 / 4000**0.5


def test_the_task_judges_every_checkpoint_and_way():
    params = Calibration(hidden=[15], batch_size=20, checkpoints=[1, 3], networks=20, test_samples=150, unseen=[8, 9])
    frame = task.run(params, [0, 1], images(), CPU).to_pandas()
    assert set(frame["epoch"]) == {1, 3}
    slopes = frame[frame["quantity"] == "slope"]
    assert set(slopes["prediction"]) == {"analytic", "sampled"}
    assert slopes["value"].between(0, calibration.STEEPEST).all()
    assert frame[frame["quantity"] == "detection"]["value"].between(0, 1).all()
    rows = frame[frame["quantity"] == "reliability"]
    assert all(len(row) == calibration.BINS for row in rows["probabilities"])
    assert frame[(frame["quantity"] == "accuracy") & (frame["epoch"] == 3)]["value"].mean() > 70
    baseline = task.run(params.model_copy(update={"algorithm": "sgd"}), [0], images(), CPU).to_pandas()
    assert set(baseline["prediction"].dropna()) == {"sigmoid"}


def test_counting_patterns_again_sharpens_all_but_ep_and_the_exact_posterior():
    params = Repetition(inputs=11, patterns=[6], passes=[1, 5], instances=250, test_patterns=20)
    frame = repetition.run(params, [0], None, CPU).to_pandas()
    slopes = frame[frame["quantity"] == "slope"].set_index(["rule", "passes"])["value"]
    assert slopes["exact", 1] == slopes["exact", 5]
    assert slopes["exact", 1] == pytest.approx(1, abs=0.15)
    assert slopes["ep", 5] == pytest.approx(1, abs=0.2)
    for rule in ("projection", "amp"):
        assert slopes[rule, 1] == pytest.approx(1, abs=0.2)
        assert slopes[rule, 5] < 0.6


def test_one_pattern_is_projected_exactly_once():
    """Means after one pattern are those of the enumeration; ep that takes it out and puts it in again keeps them."""
    states = repetition.all_signs(5)
    x = torch.tensor([[1.0, -1.0, 1.0, 1.0, -1.0]], dtype=torch.float64)
    y = torch.ones(1, dtype=torch.float64)
    fields = repetition.projected(torch.zeros(1, 5, dtype=torch.float64), x, y, states)
    exact = states[(states @ x[0]) > 0].mean(0)
    torch.testing.assert_close(torch.tanh(fields[0]), exact)
    again = repetition.projected(fields - fields, x, y, states)
    torch.testing.assert_close(again, fields)


def test_expectation_backpropagation_is_the_gradient_of_the_evidence():
    """H_in is the derivative of log Φ(yω/√V) in the means, with the variances held."""
    generator = torch.Generator().manual_seed(0)
    network = build_network([9, 5, 1], "ebp", [0], dtype=torch.float64)
    x = torch.randn(1, 4, 9, generator=generator, dtype=torch.float64) / 4
    y = torch.sign(torch.randn(1, 4, generator=generator, dtype=torch.float64))
    network.forward(x)
    first, top = network.layers
    means = [layer.weights.mean.clone().requires_grad_() for layer in network.layers]
    omega = first.inputs.mean @ means[0].mT
    hidden = torch.erf(omega / (2 * first.variance).sqrt())
    value = torch.special.log_ndtr(y.unsqueeze(-1) * (hidden @ means[1].mT) / top.variance.sqrt()).sum()
    expected = torch.autograd.grad(value, means)
    for layer, target in zip((top, first), (expected[1], expected[0]), strict=True):
        field = network.top_field(y) if layer is top else top.field_down
        found = layer.messages(field)
        torch.testing.assert_close(found.field_in, target, rtol=1e-6, atol=1e-9)
        layer.field_down = found.field_down
