"""What figures and claims derive from tables: one rule for holes, errors of seeds and of images, theory's scales."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.cascades.curves.accuracies import accuracy_map, at_best_rates, best_rates
from nnstatmech.cascades.curves.decoded import cascade_of, first_network, shown_images, single_channels
from nnstatmech.cascades.curves.depth_scales import correlation_depths, critical_variance, ordered_beyond
from nnstatmech.cascades.curves.entropies import (
    cutoffs,
    law_points,
    lost_depths,
    over_depth,
    ridge_line,
    vertex,
)
from nnstatmech.cascades.curves.falling import found_depths, last_attempts
from nnstatmech.readings import NotMeasured

from .samples import accuracy_grid, channel_pictures, rates_table, reconstructions, small_table, walks


def cutoff_table(depths, image_errors, variances=(0.5, 1.0), strengths=(1e-2,)) -> pd.DataFrame:
    """Cutoffs, one list a seed with a value a weight variance, and their errors from resampled images."""
    rows, runs = [], {}
    for strength in strengths:
        run = f"strength={strength}"
        runs[run] = {"decoder": "ridge", "ridge_strength": strength, "bias_variance": 0.05}
        for seed, (values, errors) in enumerate(zip(depths, image_errors, strict=True)):
            for variance, value, error in zip(variances, values, errors, strict=True):
                here = {"run": run, "seed": seed, "weight_variance": variance}
                rows.append(here | {"quantity": "cutoff_entropy", "value": value})
                rows.append(here | {"quantity": "cutoff_entropy_error", "value": error})
    frame = pd.DataFrame(rows)
    frame.attrs["runs"] = runs
    return frame


def test_errors_of_seeds_and_of_images_add_in_squares():
    found = lost_depths(cutoff_table([[10.0, 20.0], [14.0, 20.0]], [[1.0, 3.0], [2.0, 5.0]]), "cutoff_entropy")
    # Seeds: 2 and 0; the images are the same for both seeds, so that their errors are averaged, not divided by √2.
    np.testing.assert_allclose(found["depth"], [12, 20])
    np.testing.assert_allclose(found["error"], [np.hypot(2, 1.5), 4])


def test_a_depth_that_is_not_within_every_network_is_not_averaged():
    found = lost_depths(cutoff_table([[10.0, 20.0], [14.0, np.nan]], [[1.0, 1.0], [1.0, np.nan]]), "cutoff_entropy")
    assert found.loc[0.5, "depth"] == 12
    assert found.loc[1.0].isna().all()


def test_one_seed_has_the_error_of_its_images():
    found = lost_depths(cutoff_table([[10.0, 20.0]], [[1.5, np.nan]]), "cutoff_entropy")
    np.testing.assert_allclose(found["error"], [1.5, 0])


def test_runs_are_kept_apart_and_scaled_by_the_correlation_depth():
    table = cutoff_table([[10.0, 20.0]], [[1.0, 1.0]], strengths=(1e-2, 1e-3))
    assert len(cutoffs(table, "cutoff_entropy")) == 4
    points = law_points(table, "cutoff_entropy")
    scale = correlation_depths(table, [0.5])[0.5]
    # Half a unit of the last printed digit.
    assert scale == pytest.approx(1.191, abs=5e-4)
    np.testing.assert_allclose(points[points["weight_variance"] == 0.5]["depth"], 10 / scale)
    assert points["strength"].tolist() == [1e-3, 1e-2] * 2


def test_bands_over_depth():
    rows = [
        {"seed": seed, "weight_variance": variance, "depth": depth, "quantity": "q", "value": variance * depth + seed}
        for seed in (0, 1, 2)
        for variance in (0.5, 1.5, 2.5)
        for depth in (1, 2)
    ]
    table = small_table(rows, bias_variance=0.05)
    mean, deviation = over_depth(table, "q")
    np.testing.assert_allclose(mean, np.outer([1, 2], [0.5, 1.5, 2.5]) + 1)
    np.testing.assert_allclose(deviation, 1)
    assert ridge_line(table, "q").tolist() == [2.5, 2.5]
    assert critical_variance(table) == pytest.approx(1.760955, abs=1e-6)
    assert set(ordered_beyond(table, 0.5)["weight_variance"]) == {0.5}
    with pytest.raises(NotMeasured, match="deeper than 9"):
        ordered_beyond(table, 9)


def test_vertex_of_a_parabola_is_exact():
    places = np.linspace(1, 2, 11)
    assert vertex(pd.Series(3 - (places - 1.537) ** 2, index=places)) == pytest.approx(1.537)
    with pytest.raises(NotMeasured, match="end of its range"):
        vertex(pd.Series(places, index=places))


def test_accuracies_are_those_after_the_last_step():
    grid = accuracy_map(accuracy_grid())
    assert grid.shape == (4, 8)
    np.testing.assert_allclose(grid.loc[5], 0.85)
    assert grid.loc[60, 0.5] == pytest.approx(0.11)


def test_the_learning_rate_is_chosen_on_the_training_images():
    """0.1 trains best at a variance of 1; at 2 one of its networks has diverged; at 3 both rates are equal."""
    table = rates_table(
        {
            0.1: {1.0: [(0.2, 0.5), (0.4, 0.7)], 2.0: [(0.1, 0.9), (None, 0.1)], 3.0: [(1.0, 0.2), (1.0, 0.2)]},
            0.01: {1.0: [(0.1, 0.9), (0.6, 0.9)], 2.0: [(2.0, 0.2), (2.2, 0.4)], 3.0: [(1.0, 0.3), (1.0, 0.3)]},
        }
    )
    assert best_rates(table).tolist() == [0.1, 0.01, 0.01]
    found = at_best_rates(table)
    np.testing.assert_allclose(found["mean"], [0.6, 0.3, 0.3])
    np.testing.assert_allclose(found["error"], [0.1, 0.1, 0], atol=1e-12)


def test_where_every_rate_diverges_there_is_no_best_one():
    found = at_best_rates(rates_table({0.1: {1.0: [(None, 0.1)], 2.0: [(0.5, 0.8)]}}))
    assert found["mean"].isna().tolist() == [True, False]


def test_walks_end_at_their_last_attempts():
    last = last_attempts(walks())
    assert (last["trained"] == 1).all()
    assert len(last) == 6
    found = found_depths(walks())
    assert found["depth"].to_dict() == {1.1: 20, 1.4: 20, 1.7: 25, 2.0: 20, 2.3: 20}
    np.testing.assert_allclose(found["accuracy"], 0.4)


def test_pictures_are_found_in_their_order():
    table = first_network(reconstructions())
    assert shown_images(table) == [3, 8]
    rows = cascade_of(table, 8)
    assert [row.quantity for row in rows] == ["input"] + 3 * ["reconstruction"]
    assert [row.layer for row in rows[1:]] == [1, 2, 3]
    groups = single_channels(channel_pictures(), 0)
    assert groups[1]["channel"].tolist() == [2, 1, 0]
    assert set(groups) == {1, 3}
