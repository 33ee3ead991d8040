"""Descent with gradients written out by hand, the grid of weight variance and depth, the falling procedure."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from nnstatmech.cascades.falling import SMALLEST_DEPTH, Outcome, collect_falling, variance_steps
from nnstatmech.cascades.images import grey_inputs, minibatches, subset
from nnstatmech.cascades.networks import Dense, initial_parameters
from nnstatmech.cascades.params import Falling, Trainability
from nnstatmech.cascades.tasks import falling as falling_task
from nnstatmech.cascades.tasks import trainability as grid_task
from nnstatmech.cascades.trainability import MomentumDescent, accuracies, linear, wide_classifier
from nnstatmech.datasets import Dataset

CPU = torch.device("cpu")


def labelled_blobs(name="mnist", side=6, train=300, test=200, noise=40, colours=1) -> Dataset:
    """Ten classes of images, each a fixed random pattern and noise: easy to learn."""
    stream = np.random.default_rng(5)
    patterns = stream.integers(40, 216, size=(10, side, side, colours))
    labels = np.arange(train + test) % 10
    images = patterns[labels] + stream.normal(0, noise, size=(train + test, side, side, colours))
    images = images.clip(0, 255).astype(np.uint8)
    return Dataset(name, images[:train], labels[:train], images[train:], labels[train:], "patterns", True)


def drawn(layers, variances, seeds, bias_variance=0.05):
    return [
        initial_parameters(layer, position, variances, bias_variance, seeds)[0] for position, layer in enumerate(layers)
    ]


@pytest.mark.parametrize("readout", [linear, torch.tanh])
def test_descent_equals_automatic_differentiation(readout):
    layers = [Dense(7, 9), Dense(9, 6), Dense(6, 4, readout)]
    parameters = drawn(layers, [1.5, 3.0], [0, 1])
    reference = [[tensor.clone().requires_grad_() for tensor in pair] for pair in parameters]
    descent = MomentumDescent(layers, parameters, learning_rate=0.3, momentum=0.8)
    optimiser = torch.optim.SGD([tensor for pair in reference for tensor in pair], lr=0.3, momentum=0.8)
    stream = torch.Generator().manual_seed(1)
    for _ in range(4):
        images = torch.randn(2, 5, 7, generator=stream)
        labels = torch.randint(4, (2, 5), generator=stream)
        x = images
        for layer, pair in zip(layers, reference, strict=True):
            x = layer([tuple(pair)], x)
        losses = functional.cross_entropy(x.transpose(1, 2), labels, reduction="none").mean(1)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
        torch.testing.assert_close(descent.step(images, labels), losses.detach())
    for pair, wanted in zip(parameters, reference, strict=True):
        for tensor, other in zip(pair, wanted, strict=True):
            torch.testing.assert_close(tensor, other.detach())


def test_an_ensemble_trains_like_its_members_alone():
    layers = wide_classifier(16, depth=5)
    variances, seeds = [1.0, 1.76, 3.0], [0, 0, 1]
    together = drawn(layers, variances, seeds)
    alone = [
        [tuple(tensor[member : member + 1].clone() for tensor in pair) for pair in together] for member in range(3)
    ]
    stream = torch.Generator().manual_seed(2)
    batches = [(torch.rand(3, 8, 16, generator=stream), torch.randint(10, (3, 8), generator=stream)) for _ in range(10)]
    descent = MomentumDescent(layers, together, 0.05, 0.9)
    losses = torch.stack([descent.step(*batch) for batch in batches])
    for member in range(3):
        single = MomentumDescent(layers, alone[member], 0.05, 0.9)
        one = slice(member, member + 1)
        curve = torch.stack([single.step(images[one], labels[one]) for images, labels in batches])
        # Different orders of float32 sums; ten steps amplify the rounding of 1e-7 by less than 100.
        torch.testing.assert_close(losses[:, one], curve, rtol=1e-5, atol=1e-6)


def test_only_activations_with_a_written_gradient_are_accepted():
    layers = [Dense(3, 2, torch.relu)]
    with pytest.raises(ValueError, match="tanh and linear"):
        MomentumDescent(layers, drawn(layers, [1.0], [0]), 0.1)


def test_accuracy_counts_hits_and_marks_diverged_networks():
    layers = [Dense(3, 3, linear, bias=True)]
    weight = torch.eye(3).repeat(3, 1, 1)
    weight[1] = weight[1].roll(1, 1)
    weight[2, 0, 0] = torch.inf
    images, labels = torch.eye(3).repeat(300, 1), torch.arange(3).repeat(300)
    found = accuracies(layers, [(weight, torch.zeros(3, 1, 3))], images, labels)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, torch.nan], dtype=torch.float64), equal_nan=True)


GRID = {"resolution": 6, "steps": 120, "measure_every": 60, "learning_rate": 0.02, "test_images": 200}


def frame(params, seeds, dataset):
    table = grid_task.run(params, seeds, dataset, CPU)
    assert table.schema.equals(grid_task.columns)
    keys = ["seed", "depth", "weight_variance", "step", "quantity"]
    return table.to_pandas().astype({"quantity": str}).set_index(keys).value.sort_index()


def test_grid_does_not_depend_on_the_shard():
    params = Trainability(depths=[2, 6], weight_variances=[1.0, 2.0], **GRID)
    dataset = labelled_blobs()
    together = frame(params, [0, 1], dataset)
    apart = [frame(params, [seed], dataset) for seed in (0, 1)]
    for part in apart:
        # An accuracy may differ by one image of 200 where float32 rounding turns a tie.
        np.testing.assert_allclose(together.loc[part.index], part, rtol=1e-4, atol=0.005)
    assert len(together) == 2 * 2 * 2 * 2 * 2


def test_far_in_the_ordered_phase_deep_networks_stay_at_chance():
    params = Trainability(depths=[2, 60], weight_variances=[0.5, 1.7], **GRID)
    found = frame(params, [0, 1], labelled_blobs()).xs("accuracy", level="quantity").xs(120, level="step")
    ordered_and_deep = found.xs((60, 0.5), level=("depth", "weight_variance"))
    # All images give the same output, so one class is right: exactly 1 in 10 of balanced test images.
    np.testing.assert_allclose(ordered_and_deep, 0.1)
    assert (found.xs((2, 1.7), level=("depth", "weight_variance")) > 0.8).all()


def test_diverged_networks_are_an_outcome():
    params = Trainability(depths=[3], weight_variances=[1.0], **GRID | {"learning_rate": 1e38})
    found = frame(params, [0], labelled_blobs())
    assert set(found.index.get_level_values("quantity")) == {"diverged_step"}
    assert found.iloc[0] == 60


def test_memory_bounds_the_ensemble(monkeypatch):
    params = Trainability(depths=[4], weight_variances=[1.0, 1.5, 2.0, 2.5, 3.0], **GRID)
    dataset = labelled_blobs()
    whole = frame(params, [0], dataset)
    monkeypatch.setattr(grid_task, "ENSEMBLE_BYTES", 2.5 * 4 * 4 * 36 * (72 + 64))
    assert [len(part) for part in grid_task.chunks(params, 4)] == [2, 2, 1]
    np.testing.assert_allclose(frame(params, [0], dataset), whole, rtol=1e-4, atol=0.005)


def test_labels_are_needed():
    dataset = labelled_blobs()
    unlabelled = Dataset("cifar10", dataset.train_images, None, dataset.test_images, None, "", True)
    with pytest.raises(ValueError, match="cifar10: training a classifier needs labels"):
        grid_task.run(Trainability(depths=[1], weight_variances=[1.0], **GRID), [0], unlabelled, CPU)


# --- the falling procedure ---------------------------------------------------------------------


def capacity_of(variance):
    """Largest depth that trains in the stub: a peak at 1.7."""
    return int(40 - 25 * abs(variance - 1.7))


def stub(variance, depth):
    trained = depth <= capacity_of(variance)
    return Outcome(0.5 if trained else 0.1, trained, 1)


@pytest.mark.parametrize("step", [-0.1, 0.1])
def test_falling_finds_the_boundary_and_never_rises(step):
    variances = variance_steps(1.7, step, 0.1, 4.0)
    attempts = list(collect_falling(stub, variances, start_depth=60, depth_step=5))
    depths = [attempt.depth for attempt in attempts]
    assert depths == sorted(depths, reverse=True)
    assert [
        attempt.weight_variance for attempt in attempts if attempt.outcome.trained or attempt.depth == 2
    ] == variances
    for attempt in attempts:
        if attempt.outcome.trained:
            assert capacity_of(attempt.weight_variance) - 5 < attempt.depth <= capacity_of(attempt.weight_variance)


def test_falling_ends_where_nothing_trains():
    attempts = list(collect_falling(lambda variance, depth: Outcome(0.1, False, 1), [1.7, 1.6], 11, 4))
    assert [(a.weight_variance, a.depth) for a in attempts] == [(1.7, 11), (1.7, 7), (1.7, 3), (1.7, 2), (1.6, 2)]
    assert attempts[-1].depth == SMALLEST_DEPTH


def test_variances_end_within_the_range():
    assert variance_steps(1.7, -0.5, 0.1, 4.0) == [1.7, 1.2, 0.7, 0.2]
    assert variance_steps(0.1, 0.1, 0.1, 0.4) == [0.1, 0.2, 0.3, 0.4]


FALLING = {"resolution": 6, "start_depth": 7, "depth_step": 3, "variance_step": 1.2, "epochs": 3, "momentum": 0.9}


def test_falling_task_records_every_attempt():
    params = Falling(direction="falling", learning_rate=0.02, threshold=0.7, **FALLING)
    found = falling_task.run(params, [0, 1], labelled_blobs(), CPU).to_pandas()
    wide = found.pivot_table(
        index=["seed", "attempt", "weight_variance", "depth"], columns="quantity", values="value", observed=True
    ).reset_index()
    assert set(wide.weight_variance) == {1.7, 0.5}
    assert (wide.trained == (wide.accuracy > 0.7)).all()
    assert wide.epochs.between(1, 3).all()
    assert (wide.groupby("seed").depth.diff().dropna() <= 0).all()
    alone = falling_task.run(params, [1], labelled_blobs(), CPU).to_pandas()
    np.testing.assert_allclose(alone.value, found[found.seed == 1].value, atol=0.005)


# --- images ------------------------------------------------------------------------------------


def test_minibatches_are_reshuffled_passes():
    order = minibatches(3, "test", images=10, batch_size=4, steps=5)
    assert order.shape == (5, 4)
    passes = order.flatten().reshape(2, 10)
    assert (passes.sort(1).values == torch.arange(10)).all()
    assert (passes[0] != passes[1]).any()
    assert (minibatches(3, "test", 10, 4, 5) == order).all()


def test_subsets_are_bounded_and_fixed():
    np.testing.assert_array_equal(subset(5, 9, "x"), range(5))
    few = subset(1000, 50, "x")
    assert len(set(few)) == 50
    np.testing.assert_array_equal(few, subset(1000, 50, "x"))
    assert few.std() > 200  # spread over the source: a block of 50 would have 14


def test_grey_inputs_average_areas_and_weigh_colours():
    grey = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    torch.testing.assert_close(grey_inputs(grey, 2) * 255, torch.tensor([[2.5, 4.5, 10.5, 12.5]]))
    colours = np.zeros((1, 2, 2, 3), np.uint8)
    colours[0, 0, 0], colours[0, 1, 1] = (255, 0, 0), (0, 255, 255)
    torch.testing.assert_close(grey_inputs(colours, 2), torch.tensor([[0.299, 0, 0, 0.701]]))


@pytest.mark.slow
@pytest.mark.official_data
def test_tongue_of_trainable_networks_on_mnist(official_dataset):
    """At depth 40 networks train around criticality only (200 steps, 10 x 10 pixels)."""
    params = Trainability(
        resolution=10, depths=[40], weight_variances=[0.5, 1.0, 1.75, 2.0, 4.0], steps=200, measure_every=200
    )
    found = frame(params, [0, 1], official_dataset("mnist")).xs("accuracy", level="quantity")
    mean = found.groupby("weight_variance").mean()
    # Single runs at 1.75 and 2 scatter between .7 and .8, those outside between .09 and .14.
    assert (mean[[1.75, 2.0]] > 0.6).all()
    assert (mean[[0.5, 1.0, 4.0]] < 0.2).all()
