"""LAL-SBPI learning of committees."""

import torch

from nnstatmech.message_passing.random_features import random_features
from nnstatmech.message_passing.sbpi import committee_output, learn
from nnstatmech.seeding import torch_stream

CPU = torch.device("cpu")


def streams(seeds):
    return [torch_stream(seed, "sbpi") for seed in seeds]


def error(weights, inputs, labels):
    return (committee_output(weights, inputs) != labels).float().mean(1)


def test_sbpi_learns_separable_data_and_generalises():
    data = random_features(range(4), 101, 303, 303, 606, CPU)
    committee = learn(data.train_inputs, data.train_labels, 27, 100, streams(range(4)))
    assert torch.all(error(committee.weights, data.train_inputs, data.train_labels) == 0)
    assert torch.all(committee.epochs < 100)
    # Chance is 0.5 with standard error 0.5/√(4·606) = 0.010.
    assert error(committee.weights, data.test_inputs, data.test_labels).mean() < 0.36


def test_sbpi_secondary_rule_changes_the_path():
    data = random_features([0], 101, 303, 303, 606, CPU)
    without = learn(data.train_inputs, data.train_labels, 27, 5, streams([0]), probability=0.0)
    certain = learn(data.train_inputs, data.train_labels, 27, 5, streams([0]), probability=1.0, margin=15)
    assert not torch.equal(without.weights, certain.weights)


def test_sbpi_realisations_do_not_see_each_other():
    data = random_features([5, 6], 101, 57, 101, 10, CPU)
    together = learn(data.train_inputs, data.train_labels, 9, 12, streams([5, 6]))
    alone = learn(data.train_inputs[1:], data.train_labels[1:], 9, 12, streams([6]))
    assert torch.equal(together.weights[1], alone.weights[0])
    assert together.epochs[1] == alone.epochs[0]


def test_sbpi_single_unit_update_is_the_least_action():
    """One wrong pattern, three units: only the wrong unit nearest to its threshold moves, by the pattern."""
    data = random_features([1], 101, 57, 1, 1, CPU)
    initial = learn(data.train_inputs, data.train_labels, 3, 0, streams([1])).weights
    stability = torch.einsum("rki,ri->rk", initial, data.train_inputs[:, 0])
    label = -torch.sign(torch.sign(stability).sum(1))  # the label that makes the committee wrong
    learned = learn(data.train_inputs, label[:, None], 3, 1, streams([1])).weights
    wrong = stability * label[:, None] < 0
    unit = torch.where(wrong, stability.abs(), torch.inf).argmin(1).item()
    expected = initial.clone()
    # States start at ±1, so a step of 2 turns every disagreeing weight of the chosen unit.
    expected[0, unit] = data.train_inputs[0, 0] * label[0]
    assert torch.equal(learned, expected)
