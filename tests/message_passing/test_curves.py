"""From tables to curves: final values, holes, slopes."""

import numpy as np
import pandas as pd
import pytest
from message_passing.tables import table

from nnstatmech.message_passing.curves import committee, perceptron, training
from nnstatmech.message_passing.curves.scaling import slope
from nnstatmech.readings import NotMeasured


def rows(values, **columns):
    """``values``: (seeds, epochs)."""
    return pd.DataFrame(
        [
            {"run": "r", "case": None, "layer": None, "seed": seed, "epoch": epoch, "quantity": "q", "value": value}
            | columns
            for seed, epochs in enumerate(values)
            for epoch, value in enumerate(epochs)
        ]
    )


def test_the_final_value_of_a_lost_network_is_a_hole():
    final = training.final_values(rows([[1.0, 2.0], [3.0, np.nan]]), "q")
    assert final.tolist()[0] == 2.0
    assert np.isnan(final.tolist()[1])
    measured = training.final_mean(rows([[1.0, 2.0], [1.0, 3.0], [3.0, np.nan]]), "q")
    assert (measured.value, measured.holes) == (2.5, 1)
    assert training.final_mean(rows([[1.0, np.nan]]), "q") is None


def test_final_values_tell_layers_and_cases_apart():
    both = pd.concat([rows([[1.0, 2.0]], layer=0), rows([[3.0, 4.0]], layer=1)])
    assert sorted(training.final_values(both, "q")) == [2.0, 4.0]
    with pytest.raises(ValueError, match="more than one setting or layer"):
        training.one_a_seed(training.final_values(both, "q"))


def test_a_learning_curve_has_mean_and_range_over_realisations():
    curve = training.learning_curve(rows([[1.0, 2.0], [3.0, 6.0]]), "q")
    assert curve.loc[1, ["mean", "low", "high", "count"]].tolist() == [4.0, 2.0, 6.0, 2]
    assert training.learning_curve(rows([[1.0]]), "absent").empty


def test_settings_are_cases_with_their_own_parameters():
    frame = table(
        "training",
        {"algorithm": "amp"},
        hidden=[5],
        epochs=1,
        batch_size=50,
        rho=0.9,
        cases=[{"name": "a", "psi": 0.5}, {"name": "b", "rho": 1.0}],
        seeds=[0],
    )
    first, second = training.settings_of([frame])
    assert [(s.params["psi"], s.params["rho"]) for s in (first, second)] == [(0.5, 0.9), (0.8, 1.0)]
    assert set(second.rows["case"]) == {"b"}
    assert training.training_images(first.rows) == 400
    assert training.first_divergence(first.rows) is None


def test_a_perceptron_that_stopped_keeps_its_last_value():
    frame = pd.DataFrame(
        [
            {
                "run": "r",
                "inputs": 11,
                "load": load,
                "seed": 0,
                "sweep": sweep,
                "quantity": "q",
                "value": 10 * load + sweep,
            }
            for load, sweeps in ((1.0, 2), (2.0, 4))
            for sweep in range(sweeps)
        ]
    )
    assert perceptron.final_by_load(frame, "q")["mean"].tolist() == [11.0, 23.0]


def test_a_threshold_needs_both_sides():
    frame = table("perceptron", inputs=[51], loads=[0.5], sweeps=3)
    with pytest.raises(NotMeasured, match="bracket"):
        perceptron.threshold_bracket(frame, "amp")


def test_sorting_gathers_clusters():
    cluster = np.array([0, 1, 0, 1, 1])
    overlaps = np.where(cluster[:, None] == cluster[None], 0.9, -0.9)
    ordered = committee.sorted_by_leading_vector(overlaps)
    changes = (np.diff(np.sign(ordered), axis=1) != 0).sum(1)
    assert (changes == 1).all()


def test_slope_error_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    x = np.arange(8.0)
    estimates = [slope(x, 2 * x + rng.normal(size=8)) for _ in range(2000)]
    scatter = np.std([estimate.value for estimate in estimates])
    # Root mean square of the stated errors against the scatter of 2000 estimates, known to 1/√4000 = 1.6 %.
    stated = np.sqrt(np.mean([estimate.standard_error**2 for estimate in estimates]))
    assert stated == pytest.approx(scatter, rel=0.065)
