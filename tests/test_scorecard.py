"""Verdicts follow from the value, the errors and the comparison."""

import pandas as pd
import pytest

from nnstatmech import scorecard
from nnstatmech.planning import claims
from nnstatmech.planning.claims import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, Claim
from nnstatmech.readings import Measurement, NotMeasured

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
)


@pytest.mark.parametrize(
    ("change", "value", "error", "verdict"),
    [
        ({}, 10.0, 0.0, REPRODUCED),
        ({}, 11.19, 0.0, REPRODUCED),
        ({}, 11.21, 0.0, NOT_REPRODUCED),
        ({}, 8.79, 0.0, NOT_REPRODUCED),
        ({}, 11.99, 0.4, REPRODUCED),
        ({}, 12.01, 0.4, NOT_REPRODUCED),
        ({"allowance": 1.0}, 12.9, 0.4, REPRODUCED),
        ({"comparison": "at_most"}, -100.0, 0.0, REPRODUCED),
        ({"comparison": "at_most"}, 11.21, 0.0, NOT_REPRODUCED),
        ({"comparison": "at_least"}, 100.0, 0.0, REPRODUCED),
        ({"comparison": "at_least"}, 8.79, 0.0, NOT_REPRODUCED),
        ({"expected_error": 0.0}, 10.0, 0.0, REPRODUCED),
        ({"expected_error": 0.0}, 10.0 + 1e-9, 0.0, NOT_REPRODUCED),
    ],
)
def test_verdicts(change, value, error, verdict):
    assert CLAIM.model_copy(update=change).verdict(Measurement(value, error)) == verdict


def judged(monkeypatch, measure, scale="laptop", claim=CLAIM):
    monkeypatch.setattr(scorecard, "measure_of", lambda _: measure)
    return scorecard.judge(claim, {"deep": pd.DataFrame({"value": [1.0]})}, scale, "bundled")


def test_a_claim_is_not_tested_where_it_is_not_made(monkeypatch):
    claim = CLAIM.model_copy(update={"holds_at": claims.HoldsAt(scale=["paper"], data=["official"])})
    row = judged(monkeypatch, None, claim=claim)
    assert row["verdict"] == NOT_TESTED
    assert row["reason"] == "made for scale paper, data official"
    assert row["value"] is None


def test_a_table_that_cannot_say_is_no_verdict(monkeypatch):
    def too_small(table):
        raise NotMeasured("needs two realisations")

    row = judged(monkeypatch, too_small)
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "needs two realisations")


def test_a_failed_claim_is_a_result(monkeypatch):
    row = judged(monkeypatch, lambda table: Measurement(20.0, 0.1))
    assert row["verdict"] == NOT_REPRODUCED
    assert row["value"] == 20.0


def test_the_scorecard_is_written_for_people(monkeypatch):
    rows = [
        judged(monkeypatch, lambda table: Measurement(10.1, 0.1)),
        judged(monkeypatch, lambda table: Measurement(20.0, 0.1)),
    ]
    frame = scorecard.scorecard_table(rows).to_pandas()
    text = scorecard.markdown(frame)
    assert text.startswith("2 claims: 1 reproduced, 1 not reproduced, 0 not tested here.")
    assert "| it grows | a paper | Fig_4 | 10 | 10.1 ± 0.1 | reproduced |" in text
    assert "<td>not reproduced</td>" in scorecard.html(frame)
