"""Moments and effective ranks beside their definitions."""

import pytest
import torch

from nnstatmech.moments import statistics
from nnstatmech.moments.statistics import (
    column_means,
    covariance,
    effective_rank,
    lanczos,
    largest_on_the_cpu,
    signal_moments,
)


def features(rows, channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator) * torch.linspace(0.1, 2, channels)
    return torch.randn(3, rows, channels, generator=generator) @ mixing + 1.5


@pytest.mark.parametrize(("rows", "channels"), [(200, 16), (10, 40), (16, 16)])
def test_effective_rank_is_that_of_a_full_decomposition(rows, channels):
    block = features(rows, channels)
    centred = block.double() - block.double().mean(1, keepdim=True)
    variances = torch.linalg.svdvals(centred) ** 2
    expected = variances.sum(1) / variances[:, 0]
    blocks = [block[:, : rows // 2], block[:, rows // 2 :]]
    found = effective_rank(covariance(blocks, column_means(blocks)))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("rows", [300, 4000])
def test_lanczos_finds_the_largest_eigenvalue(rows):
    """At the edge of a continuous (Marchenko-Pastur) spectrum, the hardest case, and for one dominant direction."""
    noise = torch.randn(2, rows, 256, generator=torch.Generator().manual_seed(1))
    noise[1] += 5 * torch.randn(rows, 1, generator=torch.Generator().manual_seed(2))
    matrices = covariance([noise], column_means([noise]))
    expected = torch.linalg.eigvalsh(matrices.double())[:, -1]
    torch.testing.assert_close(lanczos(matrices, statistics.LANCZOS_STEPS), expected, rtol=2e-5, atol=0)


@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0])
def test_largest_eigenvalues_of_large_matrices_on_the_cpu(strength):
    """By iterations that stop when they have converged, within 1e-6; else from all eigenvalues."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(3, 600, 256, generator=generator) + strength * torch.randn(3, 600, 1, generator=generator)
    matrices = covariance([rows], column_means([rows]))
    expected = torch.linalg.eigvalsh(matrices.double())[:, -1]
    torch.testing.assert_close(largest_on_the_cpu(matrices), expected, rtol=1e-6, atol=0)
    assert largest_on_the_cpu(torch.zeros(1, 256, 256)) == 0


def test_lanczos_of_a_matrix_of_rank_one():
    vector = torch.randn(1, 20, 1, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(lanczos(vector @ vector.mT, 128).float(), vector.square().sum((1, 2)), rtol=1e-5, atol=0)


def test_moments_are_those_of_their_definition(monkeypatch):
    monkeypatch.setitem(statistics.PIECE_BYTES, "cpu", 1000)  # many pieces
    block = features(101, 7)
    blocks = [block[:, :50], block[:, 50:]]
    found = signal_moments(blocks, column_means(blocks))
    exact = block.double()
    centred = exact - exact.mean(1, keepdim=True)
    for name, values in (
        ("nu1_abs_signal", exact.abs()),
        ("nu2_signal", exact**2),
        ("mu2_signal", centred**2),
        ("mu4_signal", centred**4),
    ):
        torch.testing.assert_close(found[name], values.mean((1, 2)), rtol=2e-6, atol=0)
