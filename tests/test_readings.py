"""From tables to numbers: rows by values and parameters, and one rule for realisations without a value."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.readings import (
    NotMeasured,
    by_seed,
    mean_over_seeds,
    over_seeds,
    parameters_of,
    runs_of,
    select,
)


def example() -> pd.DataFrame:
    rows = [
        {"run": run, "seed": seed, "depth": depth, "ridge": ridge, "value": value + seed}
        for run, value in (("narrow", 1.0), ("wide", 5.0))
        for seed in (0, 1)
        for depth, ridge in ((1, 0.1), (2, 0.1 + 1e-17), (2, None))
    ]
    table = pd.DataFrame(rows)
    table.attrs["runs"] = {
        "narrow": {"width": 8, "epsilon": 1e-5, "biases": False},
        "wide": {"width": 64, "epsilon": 1e-5, "biases": False},
    }
    return table


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"depth": 1}, 4),
        ({"depth": [1, 2]}, 12),
        ({"ridge": 0.1}, 8),
        ({"ridge": None}, 4),
        ({"width": 64}, 6),
        ({"width": 64.0, "depth": 2}, 4),
        ({"epsilon": 1.0000000001e-5}, 12),
        ({"biases": False}, 12),
        ({}, 12),
    ],
)
def test_rows_are_picked_by_columns_and_parameters(where, rows):
    assert len(select(example(), **where)) == rows


@pytest.mark.parametrize("where", [{"depth": 3}, {"width": 65}, {"epsilon": 1.1e-5}, {"biases": 0}])
def test_what_is_not_there_is_named(where):
    (name, value) = next(iter(where.items()))
    with pytest.raises(NotMeasured, match=f"no rows with {name} = {value}"):
        select(example(), **where)


def test_an_unknown_name_is_no_empty_answer():
    with pytest.raises(KeyError, match="'widht' is neither a column"):
        select(example(), widht=8)


def test_parameters_that_runs_share():
    table = example()
    assert parameters_of(table) == {"epsilon": 1e-5, "biases": False}
    assert parameters_of(table[table["run"] == "wide"]) == table.attrs["runs"]["wide"]
    assert [(params["width"], len(rows)) for params, rows in runs_of(table)] == [(8, 6), (64, 6)]
    with pytest.raises(NotMeasured, match="no rows"):
        parameters_of(table[:0])


def test_realisations_times_positions():
    rows = example().query("run == 'narrow' and depth == 1")
    assert by_seed(rows, "depth").to_numpy().tolist() == [[1.0], [2.0]]
    with pytest.raises(ValueError, match="duplicate"):
        by_seed(example(), "depth")


def test_the_mean_and_its_error_are_those_of_the_definition():
    values = np.random.default_rng(0).standard_normal((7, 3))
    found = over_seeds(pd.DataFrame(values))
    np.testing.assert_allclose(found["mean"], values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found["error"], np.sqrt(((values - values.mean(0)) ** 2).sum(0) / 6 / 7), rtol=1e-12)
    one = mean_over_seeds([3.0])
    assert (one.value, one.degrees_of_freedom) == (3.0, 0)
    assert np.isnan(one.standard_error)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_hole_is_left_out_and_counted(hole):
    found = mean_over_seeds([1.0, 2.0, hole])
    assert (found.value, found.standard_error, found.degrees_of_freedom, found.holes) == (1.5, 0.5, 1, 1)
    row = over_seeds(pd.DataFrame({"loss": [1.0, 2.0, hole]})).loc["loss"]
    assert row.tolist() == [1.5, 0.5, 2, 1]


@pytest.mark.parametrize("samples", [[], [np.nan], [1.0, np.nan, np.inf]])
def test_more_holes_than_values_are_no_measurement(samples):
    with pytest.raises(NotMeasured, match="have no value"):
        mean_over_seeds(samples)
    if samples:
        assert over_seeds(pd.DataFrame({"loss": samples})).loc["loss", ["mean", "error"]].isna().all()


def test_as_many_holes_as_values_are_a_measurement():
    assert mean_over_seeds([2.0, np.nan]).value == 2.0
