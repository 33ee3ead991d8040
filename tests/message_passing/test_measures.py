"""The measures behind the claims, on tables whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.message_passing import measures, state_evolution
from nnstatmech.message_passing.curves.fractions import fraction
from nnstatmech.readings import NotMeasured


def training(values, quantity="test_error", **axes):
    """``values``: (seeds, epochs)."""
    rows = [
        {
            "run": str(axes),
            "case": None,
            "layer": None,
            "seed": seed,
            "epoch": epoch,
            "quantity": quantity,
            "value": value,
            **axes,
        }
        for seed, epochs in enumerate(values)
        for epoch, value in enumerate(epochs)
    ]
    return pd.DataFrame(rows)


def test_final_value_is_the_last_epoch_over_seeds():
    measured = measures.final_value(training([[50, 4.0], [50, 6.0]], algorithm="bp"), "test_error", {"algorithm": "bp"})
    assert measured.value == 5.0
    assert measured.standard_error == pytest.approx(np.std([4, 6], ddof=1) / np.sqrt(2))


def test_one_seed_has_no_error_and_no_rows_cannot_say():
    table = training([[50, 4.0]], algorithm="bp")
    measured = measures.final_value(table, "test_error", {"algorithm": "bp"})
    assert measured.value == 4.0
    assert np.isnan(measured.standard_error)
    with pytest.raises(NotMeasured, match="algorithm = amp"):
        measures.final_value(table, "test_error", {"algorithm": "amp"})


def test_differences_are_paired_by_seed():
    table = pd.concat([training([[9.0], [5.0]], algorithm="a"), training([[8.0], [4.0]], algorithm="b")])
    measured = measures.final_difference(table, "test_error", {"algorithm": "a"}, {"algorithm": "b"})
    assert (measured.value, measured.standard_error) == (1.0, 0.0)


def test_a_value_at_an_epoch_and_the_largest_of_a_run():
    table = training([[0.1, 0.5, 0.2], [0.3, 0.1, 0.4]], quantity="polarisation")
    assert measures.value_at(table, "polarisation", 1, {}).value == pytest.approx(0.3)
    assert measures.largest_of_a_run(table, "polarisation", {}).value == pytest.approx(0.45)
    with pytest.raises(NotMeasured, match="epoch = 7"):
        measures.value_at(table, "polarisation", 7, {})


def test_growth_of_fields_leaves_out_what_is_clamped():
    """H = 1.01^t with 50 batches an epoch, clamped at 1000: log 1.01 a batch."""
    fields = [[min(1.01 ** (50 * epoch), 1000.0) for epoch in range(20)]] * 3
    table = training(fields, quantity="field_scale")
    samples = training([[1600.0]] * 3, quantity="samples")
    table = pd.concat([table, samples])
    table.attrs["runs"] = {"{}": {"batch_size": 32, "field_limit": 1000.0 * 100}}
    table.loc[table["value"] == 1000.0, "value"] = 1e5
    measured = measures.field_growth(table, {})
    assert measured.value == pytest.approx(np.log(1.01))
    assert measured.degrees_of_freedom == 2


def test_diverged_fraction_counts_networks():
    table = pd.concat(
        [
            training([[1.0], [1.0], [1.0], [1.0]]),
            pd.DataFrame([{"seed": 2, "run": "{}", "quantity": "diverged_epoch", "value": 3.0}]),
        ]
    )
    measured = measures.diverged_fraction(table, {})
    assert measured.value == 0.25
    assert measured.degrees_of_freedom == 3


@pytest.mark.parametrize(("successes", "count"), [(0, 5), (5, 5), (2, 5)])
def test_a_fraction_is_never_certain(successes, count):
    """Laplace: (k + 1)/(n + 2) with the variance of as many trials."""
    measured = fraction(successes, count)
    likely = (successes + 1) / (count + 2)
    assert measured.value == successes / count
    assert measured.standard_error == pytest.approx(np.sqrt(likely * (1 - likely) / (count + 2)))


def perceptron(values, quantity="teacher_overlap", algorithm="amp"):
    """``values``: load to (seeds, sweeps)."""
    return pd.DataFrame(
        [
            {
                "run": algorithm,
                "inputs": 101,
                "algorithm": algorithm,
                "load": load,
                "seed": seed,
                "sweep": sweep,
                "quantity": quantity,
                "value": value,
            }
            for load, seeds in values.items()
            for seed, sweeps in enumerate(seeds)
            for sweep, value in enumerate(sweeps)
        ]
    )


def test_recovery_threshold_lies_between_failure_and_success():
    table = perceptron({1.3: [[0, 0.7]] * 2, 1.4: [[0, 0.8], [0, 0.81]], 1.6: [[0, 1.0]] * 2})
    measured = measures.recovery_threshold(table, "amp")
    assert measured.value == pytest.approx(1.5)
    assert measured.standard_error == pytest.approx(0.2 / 12**0.5)
    with pytest.raises(NotMeasured, match="bracket"):
        measures.recovery_threshold(perceptron({1.0: [[0, 0.5]]}), "amp")


def test_trajectory_gap_is_zero_for_state_evolution_itself():
    exact = [state.teacher for state in state_evolution.trajectory(1.0, 5)]
    table = perceptron({1.0: [exact, [value + 0.01 for value in exact]]})
    assert measures.trajectory_gap(table, "amp", 1.0, 5).value == pytest.approx(0.005)


def test_solved_fraction():
    table = perceptron({0.7: [[0.5, 0.0], [0.5, 0.01]]}, quantity="training_error")
    measured = measures.solved_fraction(table, "amp", 0.7)
    assert measured.value == 0.5
    assert measured.standard_error == pytest.approx(0.5 / 4**0.5)


def test_exponents_and_ratios():
    sizes = np.array([100, 200, 400])
    table = pd.DataFrame(
        {
            "reference": "amp",
            "sweep": 3,
            "quantity": "distance_to_reference",
            "seed": 0,
            "inputs": sizes,
            "value": 7.0 / sizes,
        }
    )
    assert measures.distance_exponent(table, "amp", 3).value == pytest.approx(-1)
    assert measures.distance(table, "amp", 3, 200).value == pytest.approx(0.035)
    times = pd.DataFrame(
        [
            {"seed": s, "algorithm": a, "batch_size": b, "quantity": q, "value": v * (1 + 0.1 * s) / b}
            for s in (0, 1)
            for a, v in (("bpi", 6.0), ("amp", 2.0))
            for b in (1, 2, 4)
            for q in ("epoch_seconds", "epoch_cpu_seconds")
        ]
    )
    assert measures.time_ratio(times, "bpi", "amp", 2).value == pytest.approx(3)
    assert measures.time_exponent(times, "amp", 4).value == pytest.approx(-1)


def test_committee_drop_is_paired():
    table = pd.DataFrame(
        [
            {"algorithm": "sbpi", "quantity": "test_error", "features": f, "seed": s, "value": 40 - f + s}
            for f in (5, 15)
            for s in (0, 1)
        ]
    )
    measured = measures.committee_drop(table, "sbpi", "test_error", 5, 15)
    assert (measured.value, measured.standard_error) == (10.0, 0.0)
    assert measures.committee_value(table, "sbpi", "test_error", 5).value == 35.5
