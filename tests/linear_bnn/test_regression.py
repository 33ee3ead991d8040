"""Digits as regression: targets, gradients, scores and the whole task."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from mortal import killed_and_continued

from nnstatmech.linear_bnn import regression
from nnstatmech.linear_bnn.params import Regression
from nnstatmech.linear_bnn.regression import CubicReadoutNetwork, templates
from nnstatmech.linear_bnn.tasks import regression as task

from .digits import small_digits


def test_narrow_targets_are_one_hot_at_87_positions_a_label():
    targets = templates(784, 0.001)
    assert np.array_equal(targets.argmax(1), 87 * np.arange(10))
    assert np.array_equal(targets.max(1), np.ones(10))
    # The neighbouring positions are 11.5 deviations away.
    assert np.sort(targets.ravel())[-11] < 1e-28


def test_targets_of_sum_one_have_the_published_heights():
    targets = templates(784, 0.1)
    np.testing.assert_allclose(targets.sum(1), 1)
    # Printed to three digits in the original figure: 0.046, and 0.088 for the two targets cut in half.
    np.testing.assert_allclose(targets.max(1)[1:9], 0.046, atol=5e-4)
    np.testing.assert_allclose(targets.max(1)[[0, 9]], 0.088, atol=5e-4)
    x = np.linspace(0, 9, 784)
    density = np.exp(-((x - 4) ** 2) / (2 * 0.1**2))
    np.testing.assert_allclose(targets[4], density / density.sum(), rtol=1e-12, atol=1e-300)
    assert templates(784, 0.3, "peak").max(1) == pytest.approx(np.ones(10))


def test_targets_far_narrower_than_the_grid_are_finite_off_the_grid():
    targets = templates(100, 1e-6)  # label 4 lies between two of 100 positions
    assert np.isfinite(targets).all()
    np.testing.assert_allclose(targets.sum(1), 1)


@pytest.mark.parametrize("per_output", [1.0, 1 / 40])
def test_a_step_follows_the_gradient_of_loss_and_penalty(per_output):
    seeds, couplings, rate, penalty = [3, 5], [0.0, 0.7], 0.01, 0.02
    network = CubicReadoutNetwork(30, 20, 40, couplings, seeds)
    network.first, network.second, network.couplings = (
        tensor.double() for tensor in (network.first, network.second, network.couplings)
    )
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 7, 30, generator=generator, dtype=torch.float64)
    targets = torch.rand(2, 40, 7, generator=generator, dtype=torch.float64)
    weights = [w.clone().requires_grad_() for w in (network.first, network.second)]
    z = weights[1] @ (weights[0] @ x.mT[:, None])
    loss = per_output * (z + network.couplings * z**3 - targets[:, None]).square().sum(-2).mean(-1).sum()
    (loss + penalty * sum(w.square().sum() for w in weights)).backward()
    network.descend(x, targets, rate, penalty, per_output)
    for ours, weight in zip((network.first, network.second), weights, strict=True):
        torch.testing.assert_close(ours, (weight - rate * weight.grad).detach(), atol=1e-13, rtol=1e-12)


def test_couplings_side_by_side_equal_one_by_one():
    generator = torch.Generator().manual_seed(2)
    x, targets = torch.rand(1, 16, 30, generator=generator), torch.rand(1, 40, 16, generator=generator)
    together = CubicReadoutNetwork(30, 20, 40, [0.0, 0.2, 1.0], [4])
    for _ in range(20):
        together.descend(x, targets, 0.005, 1e-4)
    for i, coupling in enumerate([0.0, 0.2, 1.0]):
        alone = CubicReadoutNetwork(30, 20, 40, [coupling], [4])
        for _ in range(20):
            alone.descend(x, targets, 0.005, 1e-4)
        torch.testing.assert_close(alone(x)[:, 0], together(x)[:, i], atol=2e-6, rtol=0)


def test_divergence_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    t, f = rng.random((12, 3)), rng.normal(size=(12, 3))
    t[0] = 0
    clipped_t, clipped_f = np.clip(t, 1e-7, 1), np.clip(f, 1e-7, 1)
    expected = (clipped_t * np.log(clipped_t / clipped_f)).sum(0)
    ours = regression.kullback_leibler(torch.tensor(t), torch.tensor(f))
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_scores_of_perfect_shifted_and_wrong_outputs():
    peaks = torch.tensor(templates(784, 0.1), dtype=torch.float32)
    labels = torch.tensor([3, 3, 3])
    outputs = torch.stack([peaks[3], peaks[3].roll(5), peaks[8]], dim=1)
    scores = regression.scores(outputs, labels, peaks)
    assert scores["accuracy"].tolist() == [1, 0, 0]
    assert scores["accuracy_peak"].tolist() == [1, 1, 0]
    assert scores["accuracy_template"].tolist() == [1, 1, 0]
    assert scores["squared_error"][0] == 0
    assert scores["divergence"][0] == pytest.approx(0, abs=1e-6)


def test_the_nearest_target_is_found_although_edges_are_higher():
    peaks = torch.tensor(templates(784, 0.1), dtype=torch.float32)
    # The overlap with the target 0, of twice the square, is larger; the distance to the target 1 is smaller.
    output = 0.5 * peaks[1] + 0.3 * peaks[0]
    assert peaks[0] @ output > peaks[1] @ output
    assert (peaks - output).square().sum(1).argmin() == 1
    assert regression.scores(output[:, None], torch.tensor([1]), peaks)["accuracy_template"].item() == 1


def test_examples_show_every_digit_before_any_twice():
    labels = np.array([7, 7, 0, 1, 0, 1, 7])
    assert regression.one_of_each(labels, 5).tolist() == [2, 3, 0, 4, 5]


def test_mean_output_by_label_is_the_mean():
    network = CubicReadoutNetwork(6, 5, 12, [0.5], [0, 1])
    x = torch.rand(9, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 0, 2, 2, 2, 2, 9, 9])
    mean = regression.mean_output_by_label(network, x, labels, chunk=4)
    outputs = network(x.expand(2, -1, -1))
    torch.testing.assert_close(mean[:, :, 2], outputs[..., 3:7].mean(-1))
    assert mean[:, :, 5].abs().max() == 0


CPU = torch.device("cpu")
SMALL = Regression(
    couplings=[0.0, 0.5],
    width=32,
    bins=100,
    steps=40,
    batch_size=16,
    learning_rate=0.003,
    learning_rate_unit="absolute",
    warm_up=0,
    validation_images=5000,
)


def test_the_task_does_not_depend_on_the_shard(compare_shards):
    compare_shards(task, SMALL, small_digits(), rtol=2e-3)


@pytest.mark.parametrize("together", [1, 2])
def test_networks_that_make_their_steps_one_after_the_other_are_the_same(together, monkeypatch):
    params = SMALL.model_copy(update={"couplings": [0.0, 0.3, 0.5]})
    tables = []
    for weights in (params.width * (params.bins + 784) * together, 10**9):
        monkeypatch.setattr(regression, "CACHED", weights)
        tables.append(task.run(params, [0, 1], small_digits(), CPU).to_pandas()["value"])
    np.testing.assert_allclose(*tables, rtol=2e-3)


def test_learning_lowers_the_error_and_the_table_is_whole(rows_of):
    params = SMALL.model_copy(update={"steps": 600, "warm_up": 30})
    table = rows_of(task, params, [0], small_digits())
    errors = table[(table["quantity"] == "squared_error") & (table["split"] == "validation")]
    for _, curve in errors.groupby("coupling"):
        assert curve["value"].iloc[-1] < 0.3 * curve["value"].iloc[0]
    final = table[(table["split"] == "test") & (table["quantity"] == "accuracy_template")]["value"]
    assert (final > 0.5).all()
    assert set(table[table["quantity"] == "prediction"]["coupling"]) == {0.0, 0.5}


def test_a_training_that_was_killed_goes_on_with_the_same_numbers():
    params = SMALL.model_copy(update={"couplings": [0.0, 400.0], "evaluations": 4})
    checkpoint = killed_and_continued(partial(task.run, params, [0, 1], small_digits(), CPU), states=3)
    assert pickle.loads(checkpoint.states[2]).steps == 20
    assert len(checkpoint.states) == 5


def test_divergence_is_recorded_and_leaves_the_other_networks_alone(rows_of):
    params = SMALL.model_copy(update={"couplings": [0.0, 400.0], "steps": 20, "evaluations": 4})
    table = rows_of(task, params, [0], small_digits())
    lost = table[table["quantity"] == "diverged_epoch"]
    assert lost["coupling"].tolist() == [400.0]
    assert set(table[table["quantity"] == "prediction"]["coupling"]) == {0.0}
    alone = rows_of(task, params.model_copy(update={"couplings": [0.0]}), [0], small_digits())
    ours = table[(table["coupling"] == 0.0) & (table["quantity"] == "squared_error")]["value"]
    theirs = alone[alone["quantity"] == "squared_error"]["value"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.official_data
def test_real_digits_are_read_with_the_reference_accuracy(official_dataset, rows_of):
    params = Regression(
        learning_rate=0.006, learning_rate_unit="absolute", warm_up=0, validation_images=5000, steps=564
    )
    table = rows_of(task, params, [0], official_dataset("mnist"))
    final = table[table["split"] == "test"].set_index("quantity")["value"]
    assert final["accuracy"] >= 0.80
    # The reference got .828 with one seed; seeds differ by .005.
    assert final["accuracy"] == pytest.approx(0.828, abs=0.02)
    assert final["divergence"] == pytest.approx(0.81, abs=0.06)
