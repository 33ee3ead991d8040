"""The test-bed: right samplers pass as often as it says, wrong ones do not."""

import numpy as np
import pytest
import torch

from nnstatmech.linear_bnn import sampling, verdicts
from nnstatmech.linear_bnn.posterior import Posterior

from .test_sampling import ensemble


def test_exact_draws_pass_as_often_as_the_level_says():
    """Draws from the exact posterior: a hundredth of the verdicts fails, and the loss test's p-values are uniform."""
    generator, beta = np.random.default_rng(0), 3.0
    x = generator.standard_normal((4, 6)) / 6**0.5
    posterior, test = Posterior(x, np.array([1.0, 1, -1, -1]), (3,), (1.5, 0.9)), x[0] + x[2]
    targets = np.array([1.0, 1, -1, -1])
    found = []
    for _ in range(300):
        functions = posterior.draw(beta, 256, generator)
        losses = 0.5 * np.sum((functions @ x.T - targets) ** 2, axis=1)
        found.append(verdicts.verdict(posterior, test, beta, (functions @ test)[:, None], losses[:, None]))
    # 3 are expected to fail; 10 or more with probability 1e-3.
    assert sum(not each.passed for each in found) < 10
    assert 0.4 < np.mean([each.loss_p_value for each in found]) < 0.6


@pytest.mark.parametrize(("name", "passes"), [("hmc", True), ("mala", True), ("langevin", False)])
def test_entries_are_judged_as_they_deserve(name, passes):
    _, model, streams, _, rotated_test = ensemble(2, seeds=[0], networks=256, name=f"verdict {name}")
    rotated = Posterior(model.images.double(), model.targets.double(), (2,), model.sigmas)
    found = verdicts.judge(verdicts.SAMPLERS[name], model, rotated, rotated_test, 10.0, streams)
    assert found.passed == passes
    assert found.r_hat < 1.05


def test_a_sampler_of_the_users_own():
    """Prior draws, as if no data had been seen: refused by both tests."""

    def prior_draws(networks, beta, streams):
        for _ in range(4):
            yield networks.draw(streams)

    _, model, streams, _, rotated_test = ensemble(2, seeds=[0], networks=256)
    posterior = Posterior(model.images.double(), model.targets.double(), (2,), model.sigmas)
    found = verdicts.judge(prior_draws, model, posterior, rotated_test, 10.0, streams)
    assert not found.passed
    assert max(found.output_p_value, found.loss_p_value) < 1e-6


def test_divergence_fails():
    posterior = Posterior(np.eye(3), np.ones(3), (2,), (1.0, 1.0))
    outputs = np.array([[0.1], [np.nan], [0.3]])
    found = verdicts.verdict(posterior, np.ones(3), 1.0, outputs, outputs)
    assert found.diverged == pytest.approx(1 / 3)
    assert not found.passed


def test_single_precision_is_enough():
    """The same chains in double precision: mean losses differ by far less than their errors."""
    _, model, streams, *_ = ensemble(2, seeds=[0], networks=512)
    start = model.draw(streams)
    double = sampling.LinearNetworks(model.images, model.targets, (2,), model.sigmas)
    double.images, double.targets = model.images.double(), model.targets.double()
    moved = []
    for networks, dtype in ((model, torch.float32), (double, torch.float64)):
        weights = [weight.to(dtype, copy=True) for weight in start]
        velocities = [0.01 * weight.flip(-1) for weight in weights]
        step = torch.full((512,), 0.01, dtype=dtype)
        sampling.leapfrog(networks, weights, velocities, 30.0, step, 10)
        moved.append(networks.loss(weights).double())
    spread = moved[1].std() / 512**0.5
    assert abs(moved[0].mean() - moved[1].mean()) < 1e-3 * spread
