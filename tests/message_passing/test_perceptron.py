"""Message passing for perceptrons: against state evolution, enumeration and the known capacity."""

import itertools

import numpy as np
import pytest
import torch

from nnstatmech.message_passing import state_evolution
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.perceptron import Patterns, random_labels, teacher_student
from nnstatmech.message_passing.random_features import random_signs
from nnstatmech.message_passing.tasks import perceptron as experiment

CPU = torch.device("cpu")


def table(seeds, **params):
    return experiment.run(experiment.Perceptron(**params), list(seeds), None, CPU).to_pandas()


def last(frame, quantity):
    rows = frame[frame["quantity"] == quantity].sort_values("sweep")
    return rows.groupby(["load", "seed"], observed=True)["value"].last().unstack()


def test_labels_are_the_teachers():
    patterns = teacher_student([0, 1], 51, 30, CPU)
    expected = torch.sign(torch.einsum("rpn,rn->rp", patterns.inputs, patterns.teacher))
    assert torch.equal(patterns.labels, expected)
    assert random_labels([0], 51, 30, CPU).teacher is None


def test_results_of_a_seed_do_not_depend_on_the_shard():
    params = {"algorithm": "amp", "inputs": [101], "loads": [0.5], "sweeps": 5, "epsilon": 0.5}
    together, alone = table([2, 3], **params), table([3], **params)
    mine = together[together["seed"] == 3]["value"].to_numpy()
    np.testing.assert_allclose(mine, alone["value"].to_numpy(), atol=1e-6)


def test_amp_follows_state_evolution():
    seeds, size = range(12), 1001
    frame = table(seeds, algorithm="amp", inputs=[size], loads=[0.5, 1.0], sweeps=15)
    for load in (0.5, 1.0):
        theory = [state.teacher for state in state_evolution.trajectory(load, 15)]
        rows = frame[(frame["load"] == load) & (frame["quantity"] == "teacher_overlap")]
        by_sweep = rows.groupby("sweep")["value"]
        # Five standard errors of 12 seeds and a finite-size correction of 3/N.
        allowed = 5 * by_sweep.sem() + 3 / size
        assert np.all(np.abs(by_sweep.mean() - theory) <= allowed + 1e-6)


def test_nishimori_line_and_recovery():
    frame = table(range(4), algorithm="amp", inputs=[1001], loads=[1.3, 1.8], sweeps=60)
    teacher, own = last(frame, "teacher_overlap"), last(frame, "self_overlap")
    gap = (teacher - own).loc[1.3]
    # R and q are sums over N weights: their difference has standard deviation √(E(m w* − m²)²/N) ≤ 0.02 at N = 1001;
    # the mean of 4 has half of that, 4 standard errors are 0.04.
    assert abs(gap.mean()) < 0.04
    assert teacher.loc[1.3].max() < 0.9
    assert (teacher.loc[1.8] > 0.99).all()


def test_random_initial_fields_follow_general_state_evolution():
    """Away from the Nishimori line: R and q of the first sweeps from fields of standard deviation 1."""
    initial = state_evolution.gaussian_mean(np.tanh(state_evolution.GRID) ** 2)
    theory = state_evolution.trajectory(1.0, 4, initial)
    frame = table(range(12), algorithm="amp", inputs=[1001], loads=[1.0], sweeps=4, epsilon=1.0)
    for quantity in ("teacher", "self"):
        by_sweep = frame[frame["quantity"] == f"{quantity}_overlap"].groupby("sweep")["value"]
        predicted = [getattr(state, quantity) for state in theory]
        assert np.all(np.abs(by_sweep.mean() - predicted) <= 5 * by_sweep.sem() + 3 / 1001)


def test_mean_field_is_the_negative_control():
    frame = table(range(3), algorithm="mf", inputs=[1001], loads=[1.0], sweeps=40)
    assert (last(frame, "self_overlap") > 0.99).all(axis=None)
    assert (last(frame, "teacher_overlap") < 0.3).all(axis=None)


def test_bp_is_bpi_at_the_first_sweep_only():
    frame = table(range(3), algorithm="bp", reference="bpi", inputs=[101], loads=[1.0], sweeps=3)
    distance = frame[frame["quantity"] == "distance_to_reference"].groupby("sweep")["value"].max()
    assert distance[1] < 1e-6
    assert distance[2] > 1e-3


def test_difference_of_bp_and_amp_falls_as_one_over_n():
    sizes = (101, 201, 401, 801)
    distances = [
        table(range(6), algorithm="bp", reference="amp", inputs=[size], loads=[1.0], sweeps=3)
        .query("quantity == 'distance_to_reference' and sweep == 3")["value"]
        .to_numpy()
        for size in sizes
    ]
    slope = np.polyfit(np.log(np.repeat(sizes, 6)), np.log(np.concatenate(distances)), 1)[0]
    # 24 points with a relative scatter of 20 %: standard error 0.2/(√24·0.77) = 0.05, three of these; 1/√N is at -0.5.
    assert slope == pytest.approx(-1, abs=0.15)


def test_reinforced_amp_solves_below_the_capacity_and_fails_above():
    params = {"problem": "random_labels", "inputs": [1001], "reinforcement": 0.2, "reinforcement_step": 0.01}
    errors = last(table(range(2), algorithm="amp", loads=[0.6, 0.85], sweeps=250, **params), "training_error")
    assert (errors.loc[0.6] == 0).all()
    assert (errors.loc[0.85] > 0).all()
    mean_field = last(table(range(2), algorithm="mf", loads=[0.6], sweeps=150, **params), "training_error")
    assert (mean_field > 0).all(axis=None)


def enumerated_means(patterns: Patterns, field: torch.Tensor) -> torch.Tensor:
    """Exact posterior means of all weights of one small perceptron by summing over all 2^N weights."""
    size = patterns.inputs.shape[2]
    weights = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=size)), dtype=torch.float64)
    means = []
    for inputs, labels, prior in zip(patterns.inputs.double(), patterns.labels.double(), field.double(), strict=True):
        right = ((weights @ inputs.T) * labels > 0).all(1)
        probability = torch.exp(weights @ prior) * right
        means.append(probability @ weights / probability.sum())
    return torch.stack(means)


@pytest.mark.parametrize("count", [2, 4])
def test_converged_algorithms_are_ordered_by_accuracy(count):
    """N = 15 by enumeration: rms errors of converged AMP < BP < BPI and MF (0.03, 0.05, 0.10 or more at 4 patterns)."""
    seeds = range(24)
    patterns = teacher_student(seeds, 15, count, CPU)
    field = torch.stack([0.5 * random_signs(seed, "test: prior field", 15) for seed in seeds]).double()
    exact = enumerated_means(patterns, field)
    errors = {}
    for algorithm in ("amp", "bp", "bpi", "mf"):
        network = build_network([15, 1], algorithm, seeds, epsilon=0.0, dtype=torch.float64)
        network.layers[0].weights.prior_field.copy_(field.unsqueeze(1))
        learner = Learner(network, LearningSettings(rho=0.0, damping=0.5, max_sweeps=200))
        learner.train_batch(patterns.inputs.double(), patterns.labels.double())
        errors[algorithm] = (network.layers[0].weights.mean[:, 0] - exact).square().mean().sqrt().item()
    assert errors["amp"] < errors["bp"] < min(errors["bpi"], errors["mf"]), errors
    assert errors["amp"] < 0.06, errors
    assert min(errors["bpi"], errors["mf"]) > 0.08, errors
