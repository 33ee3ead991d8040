"""Inputs and labels that learning cannot use are refused by name, whoever is called, before anything is computed."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from message_passing import tables

from nnstatmech.message_passing import observables, sbpi
from nnstatmech.message_passing.baselines import BinaryNet
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.preprocessing import prepare

CPU = torch.device("cpu")


def binary(inputs=None, labels=None):
    x = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0)) if inputs is None else inputs
    return x, torch.tensor([[1.0, -1.0, -1.0, 1.0]]) if labels is None else labels


def with_pixel(value: float) -> torch.Tensor:
    x, _ = binary()
    x[0, 2, 3] = value
    return x


WRONG_BATCHES = [
    ({"labels": torch.tensor([[0.0, 1.0, 1.0, 0.0]])}, "labels: 0, 1 .*allowed: -1 and 1"),
    ({"labels": torch.tensor([[0, 1, 1, 0]])}, "labels: 0, 1 .*allowed: -1 and 1"),
    ({"labels": torch.tensor([[2.0, -2.0, -2.0, 2.0]])}, "labels: -2, 2"),
    ({"labels": torch.tensor([[1.0, math.nan, -1.0, 1.0]])}, "labels: -1, 1, nan"),
    ({"labels": torch.ones(1, 3)}, r"labels: shape \(1, 3\)"),
    ({"inputs": with_pixel(math.nan)}, r"inputs: 1 of 20 are not finite, the first at \[0, 2, 3\]"),
    ({"inputs": with_pixel(-math.inf)}, "inputs: 1 of 20 are not finite"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG_BATCHES)
@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf", "sgd"])
def test_a_batch_that_would_break_the_weights_is_refused_and_changes_nothing(wrong, message, algorithm):
    if algorithm == "sgd":
        learner = BinaryNet([5, 3, 1], [0])
        weights = learner.latent[0]
    else:
        network = build_network([5, 3, 1], algorithm, [0])
        learner, weights = Learner(network, LearningSettings()), network.layers[0].weights.mean
    learner.train_batch(*binary())
    before = weights.clone()
    with pytest.raises(ValueError, match=message):
        learner.train_batch(*binary(**wrong))
    assert torch.equal(weights, before)


@pytest.mark.parametrize(
    "labels", [torch.tensor([[0, 3, 10, 1]]), torch.tensor([[0, -1, 2, 1]]), torch.tensor([[0.0, 1.0, 2.0, 3.0]])]
)
def test_classes_out_of_range_are_refused(labels):
    network = build_network([5, 3, 10], "mf", [0], output="argmax")
    for learner in (Learner(network, LearningSettings()), BinaryNet([5, 3, 10], [0])):
        with pytest.raises(ValueError, match="allowed: whole numbers from 0 to 9"):
            learner.train_batch(binary()[0], labels)


def test_errors_are_not_counted_against_labels_of_another_kind():
    network = build_network([5, 3, 1], "mf", [0])
    for count in (observables.pointwise_error, observables.bayesian_error):
        with pytest.raises(ValueError, match="labels: 0, 1"):
            count(network, *binary(labels=torch.tensor([[0.0, 1.0, 1.0, 0.0]])))


def test_sbpi_refuses_them_too():
    x = torch.ones(1, 3, 5)
    with pytest.raises(ValueError, match="labels: 0, 1"):
        sbpi.learn(x, torch.tensor([[0.0, 1.0, 0.0]]), 3, 1, [torch.Generator()])


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (np.arange(400) % 10 + 1, "ten_classes", "training set: 1, 2, .*allowed for labels: ten_classes: 0 to 9"),
        (np.arange(400) % 100, "ten_classes", "0 to 9"),
        (np.arange(400) % 10 - 1, "odd_even", "allowed: whole numbers 0, 1"),
        (np.arange(400) % 10 / 2, "ten_classes", "allowed: whole numbers 0, 1"),
        (np.arange(400) * 2 % 10, "odd_even", "needs odd and even classes"),
    ],
)
def test_labels_of_a_data_set_are_refused_with_its_name(labels, kind, message):
    dataset = dataclasses.replace(tables.images(), train_labels=labels)
    with pytest.raises(ValueError, match=message) as refused:
        prepare(dataset, kind, CPU)
    assert dataset.name in str(refused.value)


def test_a_pixel_that_is_not_a_number_is_refused():
    images = tables.images().train_images.astype(float)
    images[3, 2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        prepare(dataclasses.replace(tables.images(), train_images=images), "odd_even", CPU)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "bp"}, "weights: 'continuous' is not offered for algorithm 'bp'"),
        ({"algorithm": "mf", "output": "argmax"}, "goes with output 'binary' only"),
    ],
)
def test_real_weights_are_refused_where_they_are_not_defined(options, message):
    with pytest.raises(ValueError, match=message):
        build_network([5, 3, 1 if "output" not in options else 10], seeds=[0], weights="continuous", **options)


def test_focusing_of_real_weights_is_refused():
    network = build_network([5, 1], "amp", [0], weights="continuous")
    with pytest.raises(ValueError, match="focusing: is defined for weights of ±1"):
        Learner(network, LearningSettings(focusing=5.0))
