"""State of masked networks: every mean is over the weights that exist."""

import math

import pytest
import torch

from nnstatmech.message_passing import observables
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.weights import BinaryWeights


def masked_means(density: float = 0.3):
    generator = torch.Generator().manual_seed(0)
    mask = (torch.rand(2, 5, 40, generator=generator, dtype=torch.float64) < density).double()
    return torch.tanh(torch.randn(2, 5, 40, generator=generator, dtype=torch.float64)) * mask, mask


def test_polarisation_of_a_masked_layer_is_that_of_its_weights():
    """Fields of 100 decide every weight: q0 = 1 at any density."""
    for density in (1.0, 0.1):
        layer = build_network([800, 11], "mf", [0, 1], epsilon=100.0, density=density).layers[0]
        q0 = observables.weight_state(layer.weights.mean, layer.weights.field, layer.weights.mask)["polarisation"]
        # P(|100 z| < 2) = 0.016 of the weights are undecided.
        torch.testing.assert_close(q0, torch.ones(2), atol=0.02, rtol=0)


def test_polarisation_and_overlaps_pair_by_pair():
    mean, mask = masked_means()
    state = observables.weight_state(mean, torch.zeros_like(mean), mask)
    for replica in range(2):
        m, exists = mean[replica], mask[replica].bool()
        units = [float((m[k][exists[k]] ** 2).mean()) for k in range(5)]
        pairs = {
            (a, b): float((m[a] * m[b])[exists[a] & exists[b]].mean())
            for a in range(5)
            for b in range(5)
            if (exists[a] & exists[b]).any()
        }
        apart = [value for (a, b), value in pairs.items() if a != b]
        assert float(state["polarisation"][replica]) == pytest.approx(sum(units) / 5)
        assert float(state["overlap_full"][replica]) == pytest.approx(sum(pairs.values()) / len(pairs))
        assert float(state["overlap"][replica]) == pytest.approx(sum(apart) / len(apart))


def test_a_mask_of_ones_is_no_mask():
    mean = torch.tanh(torch.randn(2, 5, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    plain = observables.weight_state(mean, mean)
    masked = observables.weight_state(mean, mean, torch.ones_like(mean))
    for quantity, values in plain.items():
        torch.testing.assert_close(masked[quantity], values)


def test_fields_of_weights_that_do_not_exist_are_not_counted():
    """Normal fields of deviation 2: their root mean square is 2 at any density."""
    weights = build_network([800, 101], "mf", [0], epsilon=2.0, density=0.1).layers[0].weights
    state = observables.weight_state(weights.mean, weights.field, weights.mask)
    assert float(state["field_scale"]) == pytest.approx(2.0, abs=0.05)
    assert (weights.field[weights.mask == 0] == 0).all()


def test_units_without_weights_are_left_out():
    mean, mask = masked_means()
    mask[:, 2] = 0
    state = observables.weight_state(mean * mask, torch.zeros_like(mean), mask)
    kept = [0, 1, 3, 4]
    expected = observables.weight_state(mean[:, kept], mean[:, kept], mask[:, kept])
    torch.testing.assert_close(state["polarisation"], expected["polarisation"])
    torch.testing.assert_close(state["overlap"], expected["overlap"])


def test_signs_of_masked_weights_overlap_over_what_both_units_have():
    """Two identical units of which each weight exists with probability 1/4: their signs agree everywhere: 1."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.sign(torch.randn(1, 1, 400, generator=generator)).expand(1, 2, -1)
    mask = (torch.rand(1, 2, 400, generator=generator) < 0.25).float()
    (_, _, (value,)) = next(observables.sign_overlaps([signs * mask], [mask]))
    assert value == pytest.approx(1.0)


def test_the_whole_matrix_is_its_off_diagonal_part_and_the_polarisation():
    """q_full = q_off (K − 1)/K + q0/K: how published overlaps and ours convert."""
    mean = torch.tanh(torch.randn(3, 7, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    whole, apart = observables.overlap(mean)
    torch.testing.assert_close(whole, apart * 6 / 7 + observables.polarisation(mean) / 7)


def test_masked_weights_keep_no_field_when_they_learn():
    weights = BinaryWeights(torch.ones(1, 2, 3), torch.tensor([[[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]]))
    assert (weights.field * (1 - weights.mask) == 0).all()
    assert math.isclose(float(weights.mean[0, 0, 0]), math.tanh(1), rel_tol=1e-6)
