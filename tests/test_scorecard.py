"""The scorecard judges each claim on the tables at hand, and is written for people."""

import math

import pandas as pd
import pytest

from nnstatmech import scorecard
from nnstatmech.planning import claims
from nnstatmech.planning.claims import Claim
from nnstatmech.readings import Measurement, NotMeasured
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
