"""Entropies: closed forms, invariances, limits."""

import numpy as np
import pytest
import torch

from nnstatmech.cascades.entropies import (
    as_probabilities,
    bootstrap_differential_entropy,
    coded_relative_entropy,
    correlation,
    differential_entropy,
    explained_variance,
    gaussian_entropy,
    relative_entropy,
)


@pytest.fixture
def pictures():
    return torch.rand(40, 25, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("entropy", [coded_relative_entropy, relative_entropy])
def test_relative_entropy_is_positive_and_vanishes_for_equal_images(pictures, entropy):
    others = torch.rand(3, 40, 25, generator=torch.Generator().manual_seed(1))
    assert entropy(pictures, others).shape == (3, 40)
    assert (entropy(pictures, others) > 0).all()
    # Float32 probabilities: rounding of the order 1e-7 enters squared, that of the sum does not.
    assert entropy(pictures, pictures).abs().max() < 1e-6


def test_relative_entropy_of_two_pixels():
    images, reconstructions = torch.tensor([[1.0, 0.0]]), torch.tensor([[-0.5, 0.49]])
    p, q = np.array([1.01, 0.01]) / 1.02, np.array([0.01, 0.5]) / 0.51
    assert relative_entropy(images, reconstructions).item() == pytest.approx((p * np.log(p / q)).sum(), rel=1e-6)


def test_normalised_metrics_ignore_positive_affine_maps(pictures):
    others = torch.rand(40, 25, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = 3.5 * others - 2
    torch.testing.assert_close(as_probabilities(moved), as_probabilities(others), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(differential_entropy(moved), differential_entropy(others), rtol=0, atol=1e-8)
    torch.testing.assert_close(correlation(pictures, moved), correlation(pictures, others), rtol=0, atol=1e-12)
    # Only the darkest pixel is not scaled, but 1e-12 either way: it adds its probability times the logarithm.
    images = pictures.double()
    at_darkest = as_probabilities(images).gather(1, others.argmin(1, keepdim=True))[:, 0]
    expected = coded_relative_entropy(images, others) + at_darkest * np.log(3.5)
    torch.testing.assert_close(coded_relative_entropy(images, moved), expected, rtol=1e-8, atol=0)


def test_differential_entropy_leaves_its_argument_alone(pictures):
    before = pictures.clone()
    differential_entropy(pictures)
    coded_relative_entropy(pictures, pictures)
    assert torch.equal(pictures, before)


def test_gaussian_entropy_and_its_floor():
    assert gaussian_entropy(torch.ones(4)).item() == pytest.approx(0.5 * np.log(2 * np.pi * np.e))
    same = torch.rand(1, 25).expand(40, 25)
    assert differential_entropy(same).item() == pytest.approx(-19.30, abs=0.01)
    assert differential_entropy(torch.full((40, 25), 0.3)).item() == pytest.approx(-19.30, abs=0.01)


def test_differential_entropy_of_a_known_spread():
    """Images 1 + s z on two of many pixels around a fixed darkest one: the standard deviations are known."""
    generator = torch.Generator().manual_seed(0)
    images = torch.ones(4000, 200, dtype=torch.float64) + 0.01 * torch.randn(4000, 200, generator=generator)
    images[:, 0] = 0
    total = 199
    deviations = torch.full((199,), 0.01 / total, dtype=torch.float64)
    # The darkest pixel has no spread; the sum's own fluctuation changes the others by a relative 1/200.
    expected = (199 * gaussian_entropy(deviations) + gaussian_entropy(torch.zeros(1))) / 200
    assert differential_entropy(images).item() == pytest.approx(expected.item(), abs=0.01)


def test_bootstrap_of_the_sample_itself(pictures):
    counts = torch.ones(1, 40, dtype=torch.float64)
    assert bootstrap_differential_entropy(pictures, counts).item() == pytest.approx(
        differential_entropy(pictures).item(), abs=1e-9
    )


def test_bootstrap_equals_resampling(pictures):
    drawn = torch.randint(40, (40,), generator=torch.Generator().manual_seed(5))
    counts = torch.bincount(drawn, minlength=40).double()[None]
    assert bootstrap_differential_entropy(pictures, counts).item() == pytest.approx(
        differential_entropy(pictures[drawn]).item(), abs=1e-9
    )


def test_explained_variance_and_correlation_limits(pictures):
    mean = pictures.mean(0).expand_as(pictures)
    assert explained_variance(pictures, pictures).item() == 1
    assert explained_variance(pictures, mean).item() == pytest.approx(0, abs=1e-6)
    assert correlation(pictures, pictures).item() == pytest.approx(1)
    assert correlation(pictures, 2 * mean - pictures).item() == pytest.approx(-1)
    assert correlation(pictures, torch.zeros_like(pictures)).item() == 0
