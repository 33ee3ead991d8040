"""Measures of cascades and trained networks on tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.cascades import measures
from nnstatmech.readings import NotMeasured
from nnstatmech.theory.mean_field import MeanField

from .samples import accuracy_grid, channel_pictures, reconstructions, walks

VARIANCES = [0.7, 1.0]


@pytest.fixture
def law():
    """Cutoffs ξ_c ln(0.4/λ) of two seeds, and trained decoders that act like λ = 0.002."""
    rows, runs = [], {}
    for run, (decoder, strength) in {
        "a": ("ridge", 1e-2), "b": ("ridge", 1e-3), "c": ("ridge", 1e-4), "d": ("adam", 1e-3),
    }.items():  # fmt: skip
        runs[run] = {"decoder": decoder, "ridge_strength": strength, "bias_variance": 0.05}
        floor = strength if decoder == "ridge" else 0.002
        for seed in (0, 1):
            for variance in VARIANCES:
                depth = MeanField(variance, 0.05).correlation_depth * np.log(0.4 / floor)
                rows.append((run, seed, variance, np.nan, "cutoff_entropy", depth))
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "depth", "quantity", "value"])
    table.attrs["runs"] = runs
    return table


def test_slope_depth_and_effective_strength(law):
    arguments = ("cutoff_entropy", VARIANCES)
    assert measures.cutoff_slope(law, *arguments, 1e-4, 1e-2).value == pytest.approx(np.log(10))
    assert measures.cutoff_depth(law, *arguments, 1e-3).value == pytest.approx(np.log(400))
    assert measures.effective_ridge_strength(law, *arguments).value == pytest.approx(np.log10(0.002))


def test_information_that_is_not_lost_is_not_measured(law):
    """A seed with a network that loses nothing is a hole; more holes than values are no measurement."""
    law.loc[0, "value"] = np.nan
    found = measures.cutoff_slope(law, "cutoff_entropy", VARIANCES, 1e-4, 1e-2)
    assert (found.holes, found.degrees_of_freedom) == (1, 0)
    law.loc[law.seed == 1, "value"] = np.nan
    with pytest.raises(NotMeasured, match="2 of 2 realisations"):
        measures.cutoff_slope(law, "cutoff_entropy", VARIANCES, 1e-4, 1e-2)
    with pytest.raises(NotMeasured, match="weight_variance"):
        measures.cutoff_depth(law, "cutoff_entropy", [5.0], 1e-3)


def test_peak_and_critical_point():
    variances = np.arange(1.0, 2.6, 0.1)
    rows = [
        ("a", seed, variance, depth, "explained_variance", 1 - (variance - 1.73 - 0.02 * seed) ** 2)
        for seed in (0, 1)
        for depth in (30, 40, 50)
        for variance in variances
    ]
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "depth", "quantity", "value"])
    table.attrs["runs"] = {"a": {"decoder": "ridge", "bias_variance": 0.05}}
    found = measures.weight_variance_of_peak(table, "explained_variance", 40, 60, {"decoder": "ridge"})
    assert found.value == pytest.approx(1.74)
    assert found.standard_error == pytest.approx(0.01)
    assert measures.critical_point(table).value == pytest.approx(1.760955, abs=1e-6)
    with pytest.raises(NotMeasured, match="no rows with decoder = adam"):
        measures.weight_variance_of_peak(table, "explained_variance", 40, 60, {"decoder": "adam"})
    with pytest.raises(NotMeasured, match="no depth"):
        measures.weight_variance_of_peak(table, "explained_variance", 60, 80)
    falling = table[table.weight_variance > 2]
    falling.attrs = table.attrs
    with pytest.raises(NotMeasured, match="end of its range"):
        measures.weight_variance_of_peak(falling, "explained_variance", 40, 60)


def test_collapsed_entropy_takes_the_largest():
    rows = [("a", 0, 1.0, depth, "differential_entropy", entropy) for depth, entropy in ((50, -9.0), (70, -18.0))]
    rows.append(("a", 0, 2.5, 400, "differential_entropy", -7.0))
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "depth", "quantity", "value"])
    table.attrs["runs"] = {"a": {"decoder": "ridge", "bias_variance": 0.05}}
    assert measures.collapsed_entropy(table, 16).value == -18
    with pytest.raises(NotMeasured, match="deeper than 30"):
        measures.collapsed_entropy(table, 30)


def test_accuracy_of_a_band_of_variances():
    found = measures.mean_accuracy(accuracy_grid(), depth=20, lowest=1.5, highest=2.5)
    # Seeds reach 0.8 and 0.9: mean 0.85 ± 0.1 / √2 / √2.
    assert (found.value, found.standard_error) == pytest.approx((0.85, 0.05))
    with pytest.raises(NotMeasured, match="depth = 30"):
        measures.mean_accuracy(accuracy_grid(), depth=30, lowest=1.5, highest=2.5)


def test_networks_beyond_the_correlation_depth():
    assert measures.accuracy_beyond(accuracy_grid(), correlation_depths=6).value == pytest.approx(0.11)
    assert measures.accuracy_beyond(accuracy_grid(), correlation_depths=1).value > 0.2
    with pytest.raises(NotMeasured, match="no ordered network"):
        measures.accuracy_beyond(accuracy_grid(), correlation_depths=1e3)


def test_falling_depth_counts_the_networks_that_trained():
    found = measures.falling_depth(walks(), lowest=1.0, highest=1.5)
    expected = [20 / MeanField(variance, 0.05).correlation_depth for variance in (1.1, 1.4)]
    assert found.value == pytest.approx(np.mean(expected))
    with pytest.raises(NotMeasured, match="no network trained"):
        measures.falling_depth(walks(), lowest=2.6, highest=3.0)


def test_intended_classes_and_accuracy():
    assert measures.intended_classes(reconstructions(missed=(1, 2))).value == 8
    found = measures.image_accuracy(channel_pictures())
    assert (found.value, found.standard_error) == pytest.approx((0.61, np.sqrt(0.61 * 0.39 / 2000)))
    loaded = channel_pictures()
    loaded = loaded[loaded.quantity != "accuracy"]
    with pytest.raises(NotMeasured, match="loaded"):
        measures.image_accuracy(loaded)
