"""The scorecard judges each claim on the tables at hand, and is written for people."""

import math

import pandas as pd
import pytest

from nnstatmech import scorecard
from nnstatmech.planning import claims
from nnstatmech.planning.claims import Claim
from nnstatmech.readings import Measurement, NotMeasured
from nnstatmech.storage.tables import DamagedTable, tidy, write_table
from nnstatmech.verdicts import INCONCLUSIVE, NOT_TESTED, REFUTED, REPRODUCED

CLAIM = Claim(
    id="growth",
    family="moments",
    source="a paper",
    figure="Fig_4",
    statement="it grows",
    experiment="deep",
    measure="growth",
    expected=10.0,
    expected_error=0.3,
    rival=14.0,
)


def judged(monkeypatch, measure, scale="laptop", claim=CLAIM):
    monkeypatch.setattr(scorecard, "measure_of", lambda *_: measure)
    return scorecard.judge(claim, {"deep": pd.DataFrame({"value": [1.0]})}, "measures", scale, "bundled")


def test_a_claim_is_not_tested_where_it_is_not_made(monkeypatch):
    claim = CLAIM.model_copy(update={"holds_at": claims.HoldsAt(scale=["paper"], data=["official"])})
    row = judged(monkeypatch, None, claim=claim)
    assert row["verdict"] == NOT_TESTED
    assert row["reason"] == "made for scale paper, data official"


def test_a_table_that_cannot_say_is_no_verdict(monkeypatch):
    def too_small(table):
        raise NotMeasured("needs two realisations")

    row = judged(monkeypatch, too_small)
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "needs two realisations")


@pytest.mark.parametrize(
    ("measured", "verdict", "reason"),
    [
        (Measurement(10.1, 0.1, 9), REPRODUCED, ""),
        (Measurement(20.0, 0.1, 9), REFUTED, ""),
        (Measurement(10.1, math.nan, 0), INCONCLUSIVE, "one realisation: at least 3 are needed"),
        (Measurement(10.1, 4.0, 3), INCONCLUSIVE, "about 4[0-9] realisations would decide"),
    ],
)
def test_a_measurement_is_judged_with_a_reason(monkeypatch, measured, verdict, reason):
    row = judged(monkeypatch, lambda table: measured)
    assert row["verdict"] == verdict
    assert pytest.approx(row["value"]) == measured.value
    pd.testing.assert_series_equal(pd.Series([row["reason"]]).str.fullmatch(reason), pd.Series([True]))


def test_measures_of_several_tables_get_them_by_role(monkeypatch):
    claim = CLAIM.model_copy(update={"experiment": None, "experiments": {"first": "a", "second": "b"}})
    monkeypatch.setattr(scorecard, "measure_of", lambda *_: lambda first, second: Measurement(first - second, 0.0))
    row = scorecard.judge(claim, {"a": 30.0, "b": 20.0}, "measures", "laptop", "bundled")
    assert row["verdict"] == REPRODUCED


def test_the_scorecard_is_written_for_people(monkeypatch):
    rows = [
        judged(monkeypatch, lambda table: Measurement(10.1, 0.1, 9)),
        judged(monkeypatch, lambda table: Measurement(20.0, 0.1, 9)),
    ]
    frame = scorecard.scorecard_table(rows).to_pandas()
    text = scorecard.markdown(frame)
    assert text.startswith("2 claims: 1 reproduced, 1 refuted, 0 inconclusive, 0 not tested here.")
    assert "| it grows | a paper | Fig_4 | 10 | 14 | 10.1 ± 0.1 | reproduced |" in text
    assert "<td>refuted</td>" in scorecard.html(frame, {"moments": "Moments"})


# --- tables, one after the other ----------------------------------------------------------------


def write_experiment(folder, name, width=3):
    path = folder / f"{name}.parquet"
    shard = {"run": "single", "params": {"width": width}, "dataset": None, "seeds": [0]}
    table = tidy({"run": "category", "seed": "int32", "value": "float64"}, run="single", seed=[0], value=10.0)
    write_table(table, path, {"shards": [shard]})
    return str(path)


def claims_about(*experiments):
    return [CLAIM.model_copy(update={"id": f"c{i}", "experiment": name}) for i, name in enumerate(experiments)]


def rows_of(claims, tables, prices=None):
    prices = prices or {claim.id: 12.0 for claim in claims}
    return scorecard.judge_all(claims, tables, {"moments": "measures"}, prices, "laptop", "bundled")


def test_tables_are_held_from_the_first_claim_to_the_last(monkeypatch, tmp_path):
    held = []

    def measure(table):
        held.append(sorted(tables.frames))
        return Measurement(10.1, 0.1, 9)

    monkeypatch.setattr(scorecard, "measure_of", lambda *_: measure)
    tables = scorecard.Tables({name: write_experiment(tmp_path, name) for name in "abc"})
    rows = rows_of(claims_about("a", "b", "a", "c"), tables)
    assert held == [["a"], ["a", "b"], ["a"], ["c"]]
    assert [row["verdict"] for row in rows] == [REPRODUCED] * 4
    assert tables.frames == {}


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ({"single": {"width": 4, "dataset": None}}, "other parameters (width: 3, the plan says 4)"),
        ({"single": {"width": 3, "dataset": "mnist"}}, "other parameters (dataset: None, the plan says mnist)"),
        ({"single": {"width": 3, "depth": 1, "dataset": None}}, "other parameters (depth: None, the plan says 1)"),
        ({"wide": {"width": 3, "dataset": None}}, "other runs (single)"),
    ],
)
def test_a_table_at_hand_of_other_parameters_is_not_judged(monkeypatch, tmp_path, runs, reason):
    monkeypatch.setattr(scorecard, "measure_of", lambda *_: lambda table: Measurement(10.1, 0.1, 9))
    tables = scorecard.Tables({"a": write_experiment(tmp_path, "a")}, {"a": runs})
    (row,) = rows_of(claims_about("a"), tables)
    assert row["verdict"] == NOT_TESTED
    assert row["reason"] == f"its table was made with {reason}; about 12 core hours"
    tables = scorecard.Tables(tables.paths, {"a": {"single": {"width": 3, "dataset": None}}})
    assert rows_of(claims_about("a"), tables)[0]["verdict"] == REPRODUCED


def test_a_table_that_is_not_there_has_its_price(tmp_path):
    (row,) = rows_of(claims_about("a"), scorecard.Tables({}))
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "its table is not there; about 12 core hours")
    elsewhere = CLAIM.model_copy(update={"holds_at": claims.HoldsAt(scale=["paper"])})
    (row,) = rows_of([elsewhere], scorecard.Tables({}), {"growth": 0.5})
    assert row["reason"] == "made for scale paper; about 0.5 core hours"


def test_a_damaged_table_at_hand_is_named_and_one_of_the_workflow_fails(monkeypatch, tmp_path):
    path = write_experiment(tmp_path, "a")
    (tmp_path / "a.parquet").write_bytes(b"x")
    (row,) = rows_of(claims_about("a"), scorecard.Tables({"a": path}, {"a": {}}))
    assert "is no whole table of this workflow" in row["reason"]
    with pytest.raises(DamagedTable):
        rows_of(claims_about("a"), scorecard.Tables({"a": path}))
