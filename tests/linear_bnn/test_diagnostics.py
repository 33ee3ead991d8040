"""Diagnostics of chains against autoregressive processes, whose correlation time is known."""

import numpy as np
import pytest

from nnstatmech.linear_bnn import diagnostics


def autoregressive(correlation, chains=8, draws=4000, seed=0):
    """x' = a x + √(1 - a²) ξ from its stationary law: each draw is worth (1 - a)/(1 + a) independent ones."""
    generator = np.random.default_rng(seed)
    x = np.empty((chains, draws))
    x[:, 0] = generator.standard_normal(chains)
    for i in range(1, draws):
        x[:, i] = correlation * x[:, i - 1] + (1 - correlation**2) ** 0.5 * generator.standard_normal(chains)
    return x


@pytest.mark.parametrize("correlation", [-0.3, 0.0, 0.5, 0.9])
def test_effective_samples_are_those_of_an_autoregressive_process(correlation):
    draws = autoregressive(correlation)
    expected = draws.size * (1 - correlation) / (1 + correlation)
    assert diagnostics.effective_samples(draws) == pytest.approx(expected, rel=0.12)
    assert diagnostics.effective_samples_of_mean(draws) == pytest.approx(expected, rel=0.12)
    assert diagnostics.standard_error(draws) == pytest.approx(expected**-0.5, rel=0.1)


def test_chains_that_agree_and_chains_that_do_not():
    draws = autoregressive(0.0, draws=500)
    assert diagnostics.r_hat(draws) < 1.005
    shifted = draws + 0.5 * np.arange(8)[:, None]
    # Between-chain variance of shifts 0, .5, ..., 3.5 is 1.5 times the variance within.
    assert diagnostics.r_hat(shifted) == pytest.approx(1.5, abs=0.12)
    wider = draws * np.linspace(0.5, 3, 8)[:, None]
    assert diagnostics.scale_reduction(diagnostics.normal_scores(diagnostics.split(wider))) < 1.01
    assert diagnostics.r_hat(wider) > 1.05


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        diagnostics.r_hat(np.zeros((2, 3)))
