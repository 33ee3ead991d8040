"""Measures of cascades and trained networks on tables made by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from nnstatmech.cascades import measures
from nnstatmech.cascades.curves.falling import reached_depths
from nnstatmech.cascades.curves.law import law_ratios
from nnstatmech.cascades.entropies import correlation, explained_variance
from nnstatmech.cascades.image_moments import image_moments
from nnstatmech.cascades.theory import lost_depth
from nnstatmech.readings import NotMeasured
from nnstatmech.theory.mean_field import MeanField

from .samples import accuracy_grid, channel_pictures, rates_table, reconstructions, shrinking_cascades, walks

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


def test_a_trained_decoder_beyond_all_ridge_decoders_is_a_hole(law):
    """Left out, the other weight variance would stand for both."""
    beyond = (law.run == "d") & (law.seed == 0) & (law.weight_variance == 1.0)
    law.loc[beyond, "value"] = 1e3
    found = measures.effective_ridge_strength(law, "cutoff_entropy", VARIANCES)
    assert (found.value, found.holes) == (pytest.approx(np.log10(0.002)), 1)


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


def test_peak():
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


@pytest.fixture
def curves():
    """Two seeds at σ_w² = 0.5 and 1: curves that are linear in the depth, a tenth more in the second seed."""
    rows = []
    for seed, factor in ((0, 1.0), (1, 1.1)):
        for variance in (0.5, 1.0):
            for depth in (2, 4, 60):
                here = ("a", seed, variance, depth)
                rows.append((*here, "relative_entropy", factor * depth * variance))
                rows.append((*here, "correlation", 0.9))
                rows.append((*here, "explained_variance", 0.81 - 0.01 * depth * factor))
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "depth", "quantity", "value"])
    table.attrs["runs"] = {"a": {"decoder": "ridge", "bias_variance": 0.05}}
    return table


def test_average_over_weight_variances_and_depths(curves):
    found = measures.average_over_depths(curves, "relative_entropy", [0.5, 1.0], 1, 4)
    # 0.75 · 3 and a tenth more: 2.3625 ± 0.225 / 2.
    assert (found.value, found.standard_error) == pytest.approx((2.3625, 0.1125))
    assert measures.average_over_depths(curves, "relative_entropy", [1.0], 4, 4).value == pytest.approx(4.2)
    with pytest.raises(NotMeasured, match="no depth between 5 and 9"):
        measures.average_over_depths(curves, "relative_entropy", [1.0], 5, 9)


def test_contrast_that_is_lost_is_the_squared_correlation_beyond_the_explained_variance(curves):
    assert measures.contrast_loss(curves, [0.5, 1.0], 1, 4).value == pytest.approx(0.03 * 1.05)


def test_contrast_lost_by_reconstructions_of_half_the_contrast():
    """Of x / 2 a quarter of the variance is not explained, though the correlation is 1; of x nothing is lost."""
    images = torch.as_tensor(np.random.default_rng(0).uniform(size=(50, 9)))
    centred = images - images.mean(0)
    lost = [
        float(correlation(images, own) ** 2 - explained_variance(images, own))
        for own in (images.mean(0) + centred / 2, images)
    ]
    assert lost == pytest.approx([0.25, 0])


def test_value_where_all_is_lost(curves):
    """Of ordered networks deeper than six ξ_c: depth 60 of both weight variances."""
    assert measures.value_of_the_lost(curves, "relative_entropy", 6).value == pytest.approx(60 * 0.75 * 1.05)
    with pytest.raises(NotMeasured, match="deeper than 100"):
        measures.value_of_the_lost(curves, "relative_entropy", 100)


def test_entropy_is_compared_with_the_cells_of_the_map():
    """The original's map has -6.557 at σ_w² = 1, depth 4, and -6.604 at depth 6; it has no depth 5."""
    entropies = {4: -6.457, 5: 0.0, 6: -6.304}
    rows = [("a", 0, 1.0 + 1e-12, depth, "differential_entropy", value) for depth, value in entropies.items()]
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "depth", "quantity", "value"])
    table.attrs["runs"] = {"a": {"resolution": 28}}
    assert measures.difference_from_map(table, [1.0], 1, 9, {"resolution": 28}).value == pytest.approx(0.2)
    with pytest.raises(NotMeasured, match="map has none"):
        measures.difference_from_map(table, [1.0], 5, 5)


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


def test_accuracy_at_the_rate_of_the_lowest_training_loss():
    table = rates_table(
        {
            0.1: {1.0: [(0.2, 0.5), (0.4, 0.7)], 2.0: [(3.0, 0.1), (3.0, 0.1)], 3.0: [(None, 0.1), (1.0, 0.2)]},
            0.01: {1.0: [(0.5, 0.9), (0.5, 0.9)], 2.0: [(2.0, 0.2), (2.2, 0.4)], 3.0: [(1.0, 0.3), (None, 0.3)]},
        }
    )
    found = measures.accuracy_at_best_rate(table, [1.0, 2.0])
    assert (found.value, found.standard_error) == pytest.approx((0.45, 0.1))  # of (.5 + .2) / 2 and (.7 + .4) / 2
    for missing in (3.0, 4.0):  # networks diverged at every rate, and none was trained
        with pytest.raises(NotMeasured):
            measures.accuracy_at_best_rate(table, [1.0, missing])


def test_largest_falling_depth_is_that_of_any_weight_variance():
    found = measures.largest_falling_depth(walks(), lowest=1.0, highest=1.5)
    expected = [20 / MeanField(variance, 0.05).correlation_depth for variance in (1.1, 1.4)]
    assert found.value == pytest.approx(max(expected))
    with pytest.raises(NotMeasured, match="no walk visited"):
        measures.largest_falling_depth(walks(), lowest=2.6, highest=3.0)


def test_a_walk_that_finds_no_network_is_a_hole():
    """Left out, the networks that trained would stand for all."""
    table = walks()
    table.loc[(table.weight_variance == 1.1) & (table.quantity == "trained"), "value"] = 0
    with pytest.raises(NotMeasured, match="1 of 1 realisations"):
        measures.largest_falling_depth(table, lowest=1.0, highest=1.5)


def test_share_of_the_weight_variances_at_which_walks_find_a_network():
    table = walks()
    assert measures.share_that_trains(table, lowest=1.0, highest=2.5).value == 1
    table.loc[(table.weight_variance == 1.1) & (table.quantity == "trained"), "value"] = 0
    assert measures.share_that_trains(table, lowest=1.0, highest=2.5).value == pytest.approx(4 / 5)
    assert measures.share_that_trains(table, lowest=1.3, highest=2.5).value == 1
    with pytest.raises(NotMeasured, match="no walk visited"):
        measures.share_that_trains(table, lowest=2.6, highest=3.0)


def test_networks_train_as_deep_as_their_outputs_explain_the_image():
    """R² of the outputs 0.4, 0.2, 0 at 10, 20, 30 sizes: it is below 0.1 from 25 sizes on."""
    cascades = shrinking_cascades()
    np.testing.assert_allclose(reached_depths(cascades), [[25, 25, np.nan]])
    found = measures.trained_over_reached(walks(), cascades, lowest=1.0, highest=1.5)
    assert found.value == pytest.approx(20 / 25)
    variances = [variance for variance in reached_depths(cascades).columns if 1.0 <= variance <= 1.5]
    scaled = np.mean([25 / MeanField(variance, 0.05).correlation_depth for variance in variances])
    assert measures.shrinking_reach(cascades, lowest=1.0, highest=1.5).value == pytest.approx(scaled)
    with pytest.raises(NotMeasured, match="no value"):  # at 2.5 the deepest still explain more
        measures.shrinking_reach(cascades, lowest=1.0, highest=9.0)
    with pytest.raises(NotMeasured, match="was decoded"):
        measures.shrinking_reach(cascades, lowest=8.0, highest=9.0)


def test_boundary_of_the_entropy_and_falls_of_a_curve():
    entropies = {1: -6.0, 2: -9.0, 3: -11.0, 4: -15.0, 5: -14.0}
    rows = [("a", 0, 1.0, depth, "differential_entropy", value) for depth, value in entropies.items()]
    rows += [
        ("a", 0, 1.0, depth, "relative_entropy", value) for depth, value in ((1, 0.2), (2, 0.7), (3, 0.4), (4, 0.8))
    ]
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "depth", "quantity", "value"])
    table.attrs["runs"] = {"a": {"decoder": "adam", "bias_variance": 0.05}}
    assert measures.entropy_boundary(table, 1.0, -13, "adam").value == pytest.approx(3.5)
    assert measures.largest_fall(table, "relative_entropy", [1.0]).value == pytest.approx(0.3)
    with pytest.raises(NotMeasured, match="have no value"):
        measures.entropy_boundary(table, 1.0, -20)


@pytest.fixture
def cutoffs_by_law():
    """Two seeds whose cutoffs are 1.02 and 0.98 of the law's at 100 units, 0.9 of it at 400."""
    variances, moments = [0.7, 1.0], image_moments(np.random.default_rng(0).uniform(size=(300, 20)))
    rows, runs = [], {}
    for run, resolution, factors in (("narrow", 10, (1.02, 0.98)), ("wide", 20, (0.9, 0.9))):
        runs[run] = {
            "resolution": resolution, "depth": 200, "decoder": "ridge", "ridge_strength": 1e-3, "bias_variance": 0.05,
            "lowest_explained_variance": 0.1,
        }  # fmt: skip
        for seed, factor in enumerate(factors):
            rows.append((run, seed, np.nan, np.nan, "image_mean_square", moments.mean_square))
            for mode, value in enumerate(moments.variances):
                rows.append((run, seed, np.nan, mode, "image_variance", value))
            for variance in variances:
                lost = lost_depth(MeanField(variance, 0.05), moments, 1e-3, 0.1, 200)
                rows.append((run, seed, variance, np.nan, "cutoff_explained_variance", factor * lost))
    table = pd.DataFrame(rows, columns=["run", "seed", "weight_variance", "mode", "quantity", "value"])
    table.attrs["runs"] = runs
    return table


def test_cutoffs_are_compared_with_the_law(cutoffs_by_law):
    narrow = measures.law_ratio(cutoffs_by_law, [0.7, 1.0], 1e-3, {"resolution": 10})
    assert (narrow.value, narrow.standard_error) == (pytest.approx(1), pytest.approx(0.02))
    # All networks, and those of 400 units alone, whose cutoffs are a smaller share of the width.
    assert measures.law_deviation(cutoffs_by_law, [0.7, 1.0], 1e-3, 9.9).value == pytest.approx(0.1)
    aspects = law_ratios(cutoffs_by_law, [0.7, 1.0], 1e-3).groupby("run")["aspect"].max()
    assert aspects["wide"] < aspects["narrow"]
    with pytest.raises(NotMeasured, match="no cutoff is below"):
        measures.law_deviation(cutoffs_by_law, [0.7, 1.0], 1e-3, 1e-6)


def test_intended_classes_and_accuracy():
    table = reconstructions(missed=(1, 2))
    assert measures.intended_classes(table).value == 8
    found = measures.image_accuracy(channel_pictures())
    assert (found.value, found.standard_error) == pytest.approx((0.61, np.sqrt(0.61 * 0.39 / 2000)))
    diverged = pd.concat([table, table.iloc[:1].assign(seed=1, value=0.1)])
    assert (measures.intended_classes(diverged).value, measures.intended_classes(diverged).holes) == (8, 1)
    loaded = channel_pictures()
    loaded = loaded[loaded.quantity != "accuracy"]
    with pytest.raises(NotMeasured, match="loaded"):
        measures.image_accuracy(loaded)
