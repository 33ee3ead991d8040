"""The parameters of the family's tasks: what is refused, what is filled in, what it costs."""

import pytest
from pydantic import ValidationError

from nnstatmech.message_passing.family import FAMILY
from nnstatmech.message_passing.params import Committee, Perceptron, Timing, Training


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden": [101, 100]}, "must be odd"),
        ({"rho": 0.0}, "rho: 0 in every layer"),
        ({"rho": -1.0}, "must not be negative"),
        ({"rho": [1.0, 1.0]}, "rho: 2 values for 3 layers"),
        ({"psi": 1.0}, "must be at least 0 and below 1"),
        ({"samples": 100, "batch_size": 128}, "batch_size: 128 is larger than samples: 100"),
        ({"algorithm": "gradient"}, "'bp', 'bpi', 'amp', 'mf', 'ebp', 'sgd' or 'adam_sgd'"),
        ({"focusing": 0.5}, "give y > 1"),
        ({"algorithm": "bp", "weights": "continuous"}, "allowed: bpi, amp, mf"),
        ({"freeze_top": True, "labels": "ten_classes"}, "odd_even only"),
        ({"cases": {"a": {"rho": 0.0}}}, "cases.a.rho"),
        ({"learning_rat": 1.0}, "learning_rat"),
    ],
)
def test_bad_settings_are_named(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Training(**{"algorithm": "amp", **settings})


def test_wrong_settings_are_named():
    with pytest.raises(ValidationError, match="must be odd"):
        Committee(algorithm="sbpi", hidden_units=26)
    with pytest.raises(ValidationError, match="matrix_features: 7 is not one of features"):
        Committee(algorithm="sbpi", features=[5], matrix_features=[7])
    with pytest.raises(ValidationError, match="2 numbers for 1 batch_sizes"):
        Timing(batch_sizes=[8], batches=[1, 2])


def test_a_list_of_cases_is_a_mapping_by_name():
    listed = Training(cases=[{"name": "a", "rho": 0.9}, {"name": "b", "psi": 0.5}])
    assert listed == Training(cases={"a": {"rho": 0.9}, "b": {"psi": 0.5}})
    assert Training.model_validate(listed.model_dump(mode="json")) == listed
    with pytest.raises(ValidationError, match="has no name"):
        Training(cases=[{"rho": 0.9}])
    with pytest.raises(ValidationError, match="'a' is given twice"):
        Training(cases=[{"name": "a"}, {"name": "a"}])


def test_defaults_of_a_learner_and_of_a_problem_give_way_to_what_is_said():
    focusing = Committee(algorithm="focusing_bp")
    assert (focusing.epochs, focusing.psi, focusing.epsilon) == (400, 0.99, 1.0)
    assert Committee(algorithm="focusing_bp", psi=0.5).psi == 0.5
    assert Committee().epsilon == 0.5
    assert Perceptron(problem="random_labels").reinforcement == 0.2
    assert Perceptron(problem="random_labels", reinforcement=0.0).reinforcement == 0.0
    assert Perceptron().reinforcement == 0.0


@pytest.mark.parametrize("task", FAMILY.tasks)
def test_every_task_has_defaults_and_a_cost(task):
    params = FAMILY.tasks[task]()
    one, four = params.cost(1), params.cost(4)
    assert 0 < one.cpu_seconds < four.cpu_seconds < 4 * one.cpu_seconds
    assert 300 < one.memory_mb <= four.memory_mb < 5000


@pytest.mark.parametrize(
    ("settings", "measured"),
    [  # CPU seconds of an epoch of 60 000 images, network 784-101-101-1, on one core
        ({"algorithm": "amp", "batch_size": 1}, 17),
        ({"algorithm": "amp", "batch_size": 1024}, 0.39),
        ({"algorithm": "bpi", "batch_size": 128}, 0.97),
        ({"algorithm": "bpi", "batch_size": 128, "series_order": None}, 4.6),
        ({"algorithm": "mf", "batch_size": 16}, 1.4),
        ({"algorithm": "sgd", "batch_size": 128}, 0.60),
        ({"algorithm": "bp", "batch_size": 128, "max_sweeps": 10}, 99),
        ({"algorithm": "amp", "batch_size": 128, "max_sweeps": 10}, 10.5),
        ({"algorithm": "sgd", "batch_size": 1}, 31),
    ],
)
def test_costs_are_those_measured(settings, measured):
    few, many = (Training(epochs=epochs, evaluate_every=1000, **settings).cost(1).cpu_seconds for epochs in (10, 20))
    assert (many - few) / 10 == pytest.approx(measured, rel=0.5)


def test_costs_are_counted_for_the_images_that_there_are():
    params = Training(samples=4000)
    assert params.with_images(1500).cost(1) == Training(samples=1500).with_images(1500).cost(1)
    assert params.with_images(60_000).cost(1) == params.with_images(None).cost(1) == params.cost(1)
    assert Training(samples=None).with_images(1500).cost(1) == Training(samples=1500).with_images(1500).cost(1)


def test_predictions_are_counted_for_as_many_test_images_as_go_with_the_training_images():
    few, many = (Training(samples=1500).with_images(images) for images in (1500, 60_000))
    assert (few.test_images, many.test_images) == (250, 10_000)
    assert few.cost(1).cpu_seconds < many.cost(1).cpu_seconds
