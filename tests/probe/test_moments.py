"""What is measured at a block's end, against the definitions written out."""

import math

import numpy as np
import pytest
import torch

from nnstatmech.probe.moments import (
    contrast,
    dead_units,
    kept_similarity,
    noise_quantities,
    rank,
    rows_of,
    signal_quantities,
    similarities,
)


def features(images=9, channels=5, side=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, channels, side, side, generator=generator, dtype=torch.float64) + 0.7


def test_moments_are_centred_feature_by_feature():
    x = features()
    found = signal_quantities(x)
    deviations = x - x.mean((0, 2, 3), keepdim=True)
    assert found["nu1_abs_signal"] == pytest.approx(float(x.abs().mean()))
    assert found["nu2_signal"] == pytest.approx(float(x.square().mean()))
    assert found["mu2_signal"] == pytest.approx(float(deviations.square().mean()))
    assert found["mu4_signal"] == pytest.approx(float((deviations**4).mean()))
    assert found["log_mu2_signal"] == pytest.approx(math.log(found["mu2_signal"]))
    assert found["log_nu2_signal"] == pytest.approx(math.log(found["nu2_signal"]))


@pytest.mark.parametrize("factor", [1e-280, 1e-3, 1e200])
def test_quantities_do_not_depend_on_the_scale(factor):
    one, scaled = signal_quantities(features()), signal_quantities(factor * features())
    for name in ("reff_signal", "contrast", "correlation"):
        assert scaled[name] == pytest.approx(one[name])
    assert scaled["log_mu2_signal"] == pytest.approx(one["log_mu2_signal"] + 2 * math.log(factor))
    assert math.isnan(scaled["mu4_signal"]) == (factor != 1e-3)  # out of the range of a float


def test_effective_rank_by_a_full_decomposition(monkeypatch):
    rows = rows_of(features(60, 40))
    values = torch.linalg.svdvals(rows[0] - rows[0].mean(0)) ** 2
    expected = float(values.sum() / values[0])
    means = rows.mean(1, keepdim=True)
    assert rank(rows, means) == pytest.approx(expected)
    monkeypatch.setattr("nnstatmech.probe.moments.LANCZOS_FROM", 2)
    assert rank(rows, means) == pytest.approx(expected, rel=1e-6)


def test_contrast_is_one_minus_the_mean_cosine_of_pairs():
    vectors = features().flatten(1)
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    cosines = unit @ unit.mT
    pairs = cosines[np.triu_indices(len(vectors), 1)]
    assert contrast(features()) == pytest.approx(1 - float(pairs.mean()))
    alike = similarities(features())
    assert np.corrcoef(alike, pairs)[0, 1] == pytest.approx(1)


def test_contrast_of_almost_equal_images_keeps_its_digits():
    base = features(1)
    offsets = torch.randn(6, 5, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    near, nearer = (contrast(base + size * offsets) for size in (1e-4, 1e-7))
    assert nearer == pytest.approx(1e-6 * near, rel=1e-3)
    assert math.isnan(contrast(torch.zeros(3, 2, dtype=torch.float64)))


def test_kept_similarity_and_its_error():
    """1 for what an isometry does, 0 within its error for unrelated images; the error is that of repetitions."""
    x = features(40, 8, 2)
    rotation = torch.linalg.qr(torch.randn(32, 32, generator=torch.Generator().manual_seed(2), dtype=torch.float64))[0]
    value, error = kept_similarity(similarities(x), similarities(x.flatten(1) @ rotation))
    assert value == pytest.approx(1)
    assert error < 1e-6
    found = [kept_similarity(similarities(x), similarities(features(40, 8, 2, seed))) for seed in range(1, 41)]
    values, errors = np.array(found).T
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(40)
    assert 0.6 < errors.mean() / values.std() < 1.7


def test_noise_is_not_centred_and_remembers_its_scale():
    x = features()
    found = noise_quantities(x, log_scale=3.0)
    assert found["log_mu2_noise"] == pytest.approx(math.log(float(x.square().mean())) + 6)
    assert found["reff_noise"] == pytest.approx(signal_quantities(x)["reff_signal"])
    assert math.isnan(noise_quantities(torch.zeros(3, 4), 0.0)["log_mu2_noise"])


def test_what_the_float_type_cannot_resolve_is_null():
    constant = torch.ones(6, 4, 3, 3, dtype=torch.float64) * torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None, None]
    found = signal_quantities(constant + 1e-16 * features(6, 4, 3))
    assert math.isnan(found["log_mu2_signal"])
    assert math.isnan(found["reff_signal"])
    assert found["log_nu2_signal"] == pytest.approx(math.log(7.5))
    resolved = signal_quantities(constant + 1e-12 * features(6, 4, 3))
    assert resolved["log_mu2_signal"] == pytest.approx(2 * math.log(1e-12), rel=0.01)


def test_dead_units_are_constant_to_the_network_s_own_precision():
    x = features(8, 6, 3).clamp_min(0)
    x[:, 0], x[:, 1] = 0.0, 0.25
    x[:, 2] = 1 + 1e-9 * features(8, 1, 3)[:, 0]
    assert dead_units([x], torch.float32) == (3, 6)
    assert dead_units([x], torch.float64) == (2, 6)
    assert dead_units([x, x[:, :2]], torch.float64) == (4, 8)
