"""Parameters: what is filled in, what is refused, what a job is expected to take."""

import pytest

from nnstatmech.linear_bnn.family import FAMILY
from nnstatmech.linear_bnn.params import Ensemble, NeuralTangent, PathPruning, Posterior, Prior, Regression
from nnstatmech.storage.tables import schema_of


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"classes": [3, 3]}, "two different labels"),
        ({"images": 5}, "even number"),
        ({"betas": [3.0, 1.0]}, "rise strictly"),
        ({"networks": 100}, "multiple of 64"),
        ({"sampler": "gibbs"}, "gradient_descent"),
    ],
)
def test_refused_ensembles(setting, message):
    with pytest.raises(ValueError, match=message):
        Ensemble(**setting)


@pytest.mark.parametrize(
    ("params", "classes"),
    [
        (Regression(), (1, 10)),
        (PathPruning(), (1, 10)),
        (FAMILY.tasks["classifier"](classes=7), (1, 7)),
        (NeuralTangent(digit=2, pair=[3, 5]), (6, None)),
        (NeuralTangent(digit=9), (10, None)),
        (Posterior(classes=[0, 4]), (5, None)),
        (Ensemble(), (9, None)),
        (Prior(), (1, None)),
    ],
)
def test_classes_that_a_task_can_use(params, classes):
    assert params.class_range() == classes


def test_labels_are_not_negative():
    for make in (lambda: Posterior(classes=[-1, 3]), lambda: NeuralTangent(pair=[-1, 3])):
        with pytest.raises(ValueError, match="greater than or equal to 0"):
            make()


def test_more_kept_than_units_are_refused():
    with pytest.raises(ValueError, match="more than the 16 units"):
        PathPruning(width=16, kept=[17])


def test_the_published_procedure_is_that_of_the_seed_repository():
    published = Regression(procedure="published")
    assert (published.loss, published.learning_rate, published.penalty) == ("mean", 0.01, 1e-4)
    # 60 epochs of 55000 images in mini-batches of 32.
    assert published.steps == 60 * -(-55000 // 32)
    assert Regression(procedure="published", steps=7).steps == 7
    digit = NeuralTangent(procedure="published")
    assert (digit.learning_rate, digit.learning_rate_unit, digit.least_steps) == (0.01, "absolute", 0)


def test_resolved_parameters_mean_the_same_when_they_are_read_again():
    for params in (Regression(procedure="published"), Regression(target_scale="peak", target_deviation=0.3)):
        resolved = params.model_dump(mode="json")
        assert "procedure" not in resolved
        assert Regression.model_validate(resolved).model_dump(mode="json") == resolved


@pytest.mark.parametrize(("deviation", "rate"), [(0.001, 0.15), (0.02, 0.1), (0.1, 0.08), (2.0, 0.05)])
def test_broad_peaks_are_learnt_with_smaller_steps(deviation, rate):
    assert Regression(target_scale="peak", target_deviation=deviation).learning_rate == rate
    assert Regression(target_scale="peak", target_deviation=deviation, learning_rate=0.3).learning_rate == 0.3
    assert Regression(target_deviation=deviation).learning_rate == 0.15


def test_priors_of_whole_layers():
    layer = Prior(n_out=100)
    assert (layer.hidden_widths, layer.reach, layer.histogram_bins) == ([[100], [100, 100, 100]], 2.0, 50)
    assert Prior(n_out=784).histogram_bins == 120
    assert Prior(n_out=3, reach=4, hidden_widths=[[5]]).hidden_widths == [[5]]


def test_widths_follow_the_sampler():
    assert Ensemble(sampler="langevin").hidden_widths == [[2], [8], [32]]
    assert Ensemble(sampler="langevin", hidden_widths=[[5]]).hidden_widths == [[5]]


@pytest.mark.parametrize("task", FAMILY.tasks)
def test_every_task_says_what_it_needs_gives_and_takes(task):
    model = FAMILY.tasks[task]
    assert model.needs in (None, "images", "labels")
    assert {"seed", "quantity", "value"} <= set(schema_of(model.columns).names)
    one, many = model().cost(1), model().cost(4)
    assert 2.5 <= one.cpu_seconds <= many.cpu_seconds
    assert 300 < one.memory_mb <= many.memory_mb


@pytest.mark.parametrize(
    ("params", "seeds", "seconds", "megabytes"),
    [
        # Measured: CPU seconds of one seed, or of a shard, and peak memory of a job.
        (Prior(samples=2000), 10, 4.6, 455),
        (Prior(activation="relu", samples=2000), 10, 5.2, 412),
        (Prior(n_out=100, samples=200), 10, 3.2, 503),
        (Posterior(), 1, 5.4, 500),
        (Ensemble(), 1, 7.7, 446),
        (Ensemble(sampler="langevin"), 1, 9.0, 443),
        (Ensemble(networks=512), 3, 6.3, 420),
        (Ensemble(sampler="langevin", networks=512), 3, 12.1, 434),
        (Ensemble(sampler="gradient_descent"), 1, 13.0, 495),
        (Ensemble(sampler="gradient_descent"), 8, 27.0, 467),
        (Regression(procedure="published", couplings=[i / 10 for i in range(10)]), 1, 4560, 952),
        (Regression(train_images=60000, steps=6000, evaluations=4), 5, 125, 750),
        (FAMILY.tasks["classifier"](), 1, 33, 576),
        (FAMILY.tasks["untrained"](), 5000, 34, 379),
        (FAMILY.tasks["norm_learning"](), 1, 2.5, 398),
        (NeuralTangent(procedure="published", networks=100), 1, 15, 621),
        (NeuralTangent(), 4, 15.6, 388),
        (PathPruning(), 2, 14, 443),
    ],
)
def test_costs_are_those_measured_within_a_factor_of_two(params, seeds, seconds, megabytes):
    cost = params.cost(seeds)
    assert 0.5 < cost.cpu_seconds / seconds < 2
    assert 0.5 < cost.memory_mb / megabytes < 2


def test_one_digit_is_counted_with_as_many_images_as_it_has():
    params = NeuralTangent(procedure="published")
    few, all_of_mnist = (params.with_images(images).cost(1).cpu_seconds for images in (1500, 60_000))
    assert few < all_of_mnist == params.with_images(None).cost(1).cpu_seconds
