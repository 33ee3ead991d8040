"""Inference through layers of any activation: enumeration, linear algebra, state evolution, and BP against AMP."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nnstatmech.message_passing import state_evolution
from nnstatmech.message_passing.generic import evolution, exact
from nnstatmech.message_passing.generic.free_entropy import free_entropy
from nnstatmech.message_passing.generic.messages import Sweeper
from nnstatmech.message_passing.generic.priors import BinaryPrior
from nnstatmech.message_passing.generic.problem import draw_problem
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network


def solved(problem, algorithm, sweeps=150, damping=0.5, **options):
    sweeper = Sweeper(problem, algorithm, **options)
    for _ in range(sweeps):
        sweeper.sweep(damping)
    return sweeper


def error(sweeper, mean):
    return float((sweeper.means() - mean).square().flatten(1).mean(1).sqrt().mean())


@pytest.fixture(scope="module")
def linear():
    problem = draw_problem(
        range(3), [40, 20, 10], ["identity", "identity"], unknown="signal", prior="gaussian", noise=0.1, bias=0.3
    )
    return problem, exact.linear_gaussian(problem)


@pytest.mark.parametrize(("algorithm", "cavity"), [("amp", False), ("bp", True)])
def test_means_of_linear_gaussian_problems_are_exact(linear, algorithm, cavity):
    problem, (mean, variance, _) = linear
    found = solved(problem, algorithm, damping=0.3, cavity_variance=cavity).marginals()
    torch.testing.assert_close(found[0], mean, rtol=0, atol=1e-8)
    assert float((found[1] - variance).square().mean().sqrt()) < 0.1


def test_full_variances_spoil_the_means_of_bp(linear):
    problem, (mean, _, _) = linear
    assert error(solved(problem, "bp", damping=0.3), mean) > 0.01


def test_the_linear_posterior_is_that_of_a_single_unit():
    """One input, one output: completing the square by hand."""
    problem = draw_problem([0], [1, 1], ["identity"], unknown="signal", prior="gaussian", noise=0.5, bias=1.0)
    mean, variance, log_evidence = exact.linear_gaussian(problem)
    w = float(problem.layers[0].weights)
    residual = float(problem.outputs) - float(problem.layers[0].channel.bias)
    assert float(variance) == pytest.approx(1 / (1 + w * w / 0.5), rel=1e-12)
    assert float(mean) == pytest.approx(float(variance) * w * residual / 0.5, rel=1e-12)
    spread = w * w + 0.5
    assert float(log_evidence) == pytest.approx(-0.5 * (residual**2 / spread + np.log(2 * np.pi * spread)), rel=1e-12)


def test_linear_evidence_on_a_tree_is_exact():
    problem = draw_problem(range(4), [9, 1], ["identity"], unknown="signal", prior="gaussian", noise=0.3, bias=0.5)
    log_evidence = exact.linear_gaussian(problem)[2]
    sweeper = solved(problem, "bp", sweeps=40, damping=0.0, cavity_variance=True)
    torch.testing.assert_close(free_entropy(sweeper), log_evidence, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def binary_signal():
    problem = draw_problem(range(20), [10, 8, 6], ["sign", "sign"], unknown="signal", noise=0.1)
    return problem, exact.enumerated(problem)


@pytest.mark.parametrize(("algorithm", "smallest", "largest"), [("amp", 0, 0.11), ("bp", 0, 0.15), ("mf", 0.15, 1)])
def test_marginals_of_a_binary_signal(binary_signal, algorithm, smallest, largest):
    problem, (mean, _) = binary_signal
    assert smallest < error(solved(problem, algorithm), mean) < largest


def test_enumeration_sums_a_noisy_hidden_layer():
    """Against sampling: the frequency of the observed outputs over prior and noise."""
    problem = draw_problem([3], [4, 3, 2], ["sign", "sign"], unknown="signal", noise=0.5, bias=0.3)
    generator = torch.Generator().manual_seed(0)
    x = torch.sign(torch.rand(400_000, 4, generator=generator, dtype=torch.float64) - 0.5)
    for layer in problem.layers:
        z = x @ layer.weights[0].T + layer.channel.bias[0]
        x = torch.sign(z + 0.5**0.5 * torch.randn(z.shape, generator=generator, dtype=torch.float64))
    frequency = float((x == problem.outputs[0]).all(1).double().mean())
    assert float(exact.enumerated(problem)[1].exp()) == pytest.approx(frequency, abs=4 * (frequency / 4e5) ** 0.5)


@pytest.mark.parametrize(
    ("activation", "noise", "bp_largest", "amp_largest"),
    [("sign", 0.0, 0.3, 0.35), ("sign", 0.3, 0.1, 0.2), ("relu", 0.3, 0.2, 0.3), ("identity", 0.3, 0.45, 0.45)],
)
def test_evidence_of_binary_weights(activation, noise, bp_largest, amp_largest):
    """Errors of relaxed messages themselves at N = 15, P = 8; on one hard pattern BP's log Z is exact."""
    problem = draw_problem(range(20), [15, 1], [activation], unknown="weights", noise=noise, patterns=8)
    mean, log_evidence = exact.enumerated(problem)
    bp = solved(problem, "bp", cavity_variance=True)
    amp = solved(problem, "amp")
    for sweeper, largest in ((bp, bp_largest), (amp, amp_largest)):
        assert float((free_entropy(sweeper) - log_evidence).square().mean().sqrt()) < largest
    assert error(amp, mean) < 0.09 < error(solved(problem, "mf"), mean)
    if activation == "sign":
        one = draw_problem(range(8), [15, 1], ["sign"], unknown="weights", noise=noise, patterns=1)
        gaussian_sum = free_entropy(solved(one, "bp", sweeps=30))
        assert float((gaussian_sum - exact.enumerated(one)[1]).abs().max()) < 0.05


def test_bpi_and_mean_field_have_no_free_entropy():
    problem = draw_problem([0], [9, 1], ["sign"], unknown="weights", patterns=3)
    for algorithm in ("bpi", "mf"):
        with pytest.raises(ValueError, match="bpi and mf have none"):
            free_entropy(solved(problem, algorithm, sweeps=2))


@pytest.mark.parametrize("activation", ["sign", "relu", "identity"])
def test_the_free_entropy_generates_the_means(activation):
    """∂Φ/∂θ = m − tanh θ at a fixed point of AMP: Φ is stationary in everything else."""
    problem = draw_problem([0], [31, 3], [activation], unknown="weights", noise=0.3, bias=0.2, patterns=12)
    field = 0.3 * torch.randn(1, 3, 31, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def at(field):
        return solved(
            replace(problem, layers=[replace(problem.layers[0], prior=BinaryPrior(field))]), "amp", sweeps=200
        )

    step = torch.zeros_like(field)
    step[0, 2, 5] = 1e-4
    slope = (free_entropy(at(field + step)) - free_entropy(at(field - step))) / 2e-4
    expected = at(field).means()[0, 2, 5] - torch.tanh(field[0, 2, 5])
    assert float(slope) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("prior", ["binary", "gaussian"])
@pytest.mark.parametrize("activation", ["sign", "relu", "identity"])
def test_amp_becomes_bp_as_one_over_n(activation, prior):
    """Two layers with unknown weights, two sweeps; geometric means over realisations."""
    distances = []
    for size in (30, 120):
        problem = draw_problem(
            range(6),
            [size, size // 5, 1],
            [activation, "sign"],
            unknown="weights",
            prior=prior,
            noise=0.1,
            bias=0.5,
            patterns=size // 2,
        )
        bp, amp = (solved(problem, name, 2, 0.0).means() for name in ("bp", "amp"))
        distances.append(float((bp - amp).square().mean((1, 2)).log().mean() / 2))
    assert distances[0] - distances[1] > np.log(2)  # log 4 in the limit


def test_sign_units_are_those_of_the_learning_network():
    """The same first two sweeps as the engine that learns images, whose inputs are not divided by √N."""
    problem = draw_problem([0], [31, 7, 1], ["sign", "sign"], unknown="weights", patterns=11)
    field = [
        torch.randn(1, k, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
        for k, n in ((7, 31), (1, 7))
    ]
    layers = [replace(layer, prior=BinaryPrior(theta)) for layer, theta in zip(problem.layers, field, strict=True)]
    network = build_network([31, 7, 1], "amp", [0], dtype=torch.float64)
    for layer, theta in zip(network.layers, field, strict=True):
        for tensor, value in ((layer.weights.prior_field, theta), (layer.weights.field, theta)):
            tensor.copy_(value)
        layer.weights.mean.copy_(torch.tanh(theta))
        layer.weights.variance.copy_(1 - torch.tanh(theta) ** 2)
    learner = Learner(network, LearningSettings(rho=0.0, damping=0.0, max_sweeps=2))
    learner.train_batch(problem.inputs, problem.outputs[..., 0])
    ours = solved(replace(problem, layers=layers), "amp", 2, 0.0)
    torch.testing.assert_close(ours.means(), network.layers[0].weights.mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("prior", ["binary", "gaussian"])
@pytest.mark.parametrize("activation", ["sign", "relu", "identity"])
def test_squared_errors_follow_state_evolution(activation, prior):
    size, load = 1000, 0.6
    problem = draw_problem(
        range(3), [size, int(load * size)], [activation], unknown="signal", prior=prior, noise=0.1, bias=0.5
    )
    sweeper = Sweeper(problem, "amp")
    theory = evolution.trajectory(prior, evolution.Output(activation, 0.1, 0.25), load, 12)
    for expected in theory[1:]:
        sweeper.sweep()
        mean, variance = sweeper.marginals()
        errors = (mean - problem.inputs[:, 0]).square().mean(1)
        assert abs(float(variance.mean()) - expected) < 0.02
        assert abs(float(errors.mean()) - expected) < 0.05
    value = evolution.free_entropy(prior, evolution.Output(activation, 0.1, 0.25), load, theory[-1])
    assert float(free_entropy(sweeper).mean() / size) == pytest.approx(value, abs=0.06)


def test_state_evolution_is_the_known_one_for_the_perceptron():
    variance = evolution.fixed_point("binary", evolution.Output("sign"), 1.0)
    assert variance == pytest.approx(1 - state_evolution.fixed_point(1.0), abs=1e-6)
    conjugate = evolution.expectations(evolution.Output("sign"), variance)[0]
    entropy = state_evolution.posterior_entropy(1.0, conjugate) - np.log(2)
    assert evolution.free_entropy("binary", evolution.Output("sign"), 1.0, variance) == pytest.approx(entropy, abs=1e-6)


def test_linear_state_evolution_is_that_of_a_random_matrix():
    """Gaussian signal, identity outputs: the Marchenko-Pastur law gives the mean squared error of ridge regression."""
    load, noise = 0.6, 0.1
    variance = evolution.fixed_point("gaussian", evolution.Output("identity", noise), load)
    # V = 1/(1 + α/(V + s²)) is a quadratic equation.
    b = noise + load - 1
    assert variance == pytest.approx((-b + np.sqrt(b * b + 4 * noise)) / 2, abs=1e-9)
