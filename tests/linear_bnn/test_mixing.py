"""Chains go on until they have mixed, and no longer."""

import numpy as np
import pytest

from nnstatmech.linear_bnn.diagnostics import effective_samples, r_hat
from nnstatmech.linear_bnn.mixing import until_mixed


def autoregressive(memory, chains=8, seed=0):
    """Draws x' = memory x + noise, of variance 1 in the long run; the first ones far away."""
    generator = np.random.default_rng(seed)
    place = np.full((chains, 1), 5.0)
    while True:
        place = memory * place + np.sqrt(1 - memory**2) * generator.standard_normal((chains, 1))
        yield place


def itself(draws):
    return np.moveaxis(draws, 2, 0)


def test_independent_draws_are_looked_at_once():
    assert until_mixed(autoregressive(0.0), 400, 64, itself).shape == (1, 8, 400)


@pytest.mark.parametrize("memory", [0.9, 0.97])
def test_chains_go_on_until_they_have_mixed(memory):
    found = until_mixed(autoregressive(memory), 200, 256, itself, discarded=1 / 4)[0]
    assert r_hat(found) < 1.01
    assert effective_samples(found) >= 400
    half = np.stack([draw for draw, _ in zip(autoregressive(memory), range(found.shape[1] * 2 // 3), strict=False)], 1)
    earlier = itself(half)[0, :, half.shape[1] // 4 :]
    assert r_hat(earlier) >= 1.01 or effective_samples(earlier) < 400


def test_there_is_a_longest_chain():
    found = until_mixed(autoregressive(0.9999), 100, 8, itself, discarded=1 / 4)
    assert found.shape == (1, 8, 600)
    assert r_hat(found[0]) > 1.01


def test_draws_are_taken_in_their_order_and_none_is_lost():
    counted = iter(np.full((2, 1), float(number)) for number in range(10_000))
    found = until_mixed(counted, 75, 4, itself)[0]
    np.testing.assert_array_equal(found, np.broadcast_to(np.arange(300.0), (2, 300)))
