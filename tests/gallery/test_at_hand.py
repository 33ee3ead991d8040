"""What results add to a page: parameters and provenance of its tables, verdicts of its claims."""

import pytest

from nnstatmech import scorecard
from nnstatmech.gallery.at_hand import page_at_hand
from nnstatmech.storage.tables import tidy, write_table
from nnstatmech.verdicts import REPRODUCED

from .pages import planned, put_pictures

SHARD = {
    "run": "single",
    "params": {"width": 7, "depth": 3, "epsilon": None},
    "dataset": "cifar10",
    "dataset_description": "photographs",
    "stand_in": True,
    "seeds": [0, 1],
    "commit": "c0ffee",
    "modified": False,
    "python": "3.11.7",
    "versions": {"torch": "2.13.0"},
    "device": "cpu",
    "started": "2026-01-31T23:59:00+00:00",
    "seconds": 1.5,
}


@pytest.fixture
def results(tmp_path):
    """Results of Fig 4: a picture and a table, made with other sizes than those that are planned now."""
    put_pictures(planned("Fig_4"), tmp_path)
    table = tidy({"seed": "int32", "value": "float64"}, seed=[0, 1], value=[1.0, 2.0])
    path = tmp_path / "laptop-bundled/moments/bn_ff.parquet"
    path.parent.mkdir()
    write_table(table, path, {"shards": [SHARD, SHARD | {"seeds": [2]}]})
    return tmp_path


def write_scorecard(results, **changes):
    """A scorecard on which the first claim of Fig 4 is reproduced."""
    claim = planned("Fig_4").claims[0]
    row = {"id": claim.id, "statement": claim.statement, "comparison": "equal", "expected": float(claim.expected)}
    row |= {"verdict": REPRODUCED, "value": 0.1501, "standard_error": 0.0002, "reason": "", "note": "so it is"}
    row |= dict.fromkeys(("source", "figure", "rival_is"), "") | {"family": "moments", "rival": 1.0} | changes
    write_table(scorecard.scorecard_table([row]), results / "laptop-bundled/scorecard.parquet", {})


def test_parameters_are_those_of_the_table_and_not_of_the_plan(results):
    (experiment,) = page_at_hand(planned("Fig_4"), results).experiments
    assert experiment.fixed == {"width": "7", "depth": "3", "dataset": "cifar10"}
    assert (experiment.runs, experiment.realisations) == (1, "3")


def test_provenance_is_that_of_the_shards(results):
    provenance = page_at_hand(planned("Fig_4"), results).provenance
    assert provenance["Data"] == "bundled (stand-in: photographs)"
    assert provenance["Commit"] == "c0ffee"
    assert provenance["Computed"] == "2026-01-31 on cpu, 2 jobs, 3 s"
    assert "torch 2.13.0" in provenance["Software"]


def test_without_tables_the_plan_stands_and_nothing_is_said_of_provenance(tmp_path):
    put_pictures(planned("Fig_5"), tmp_path)
    page = page_at_hand(planned("Fig_5"), tmp_path)
    assert page.provenance == {}
    assert page.experiments == planned("Fig_5").experiments
    assert page.files == {"png": "Fig_5.png", "pdf": "Fig_5.pdf", "csv": "Fig_5.csv"}


def test_verdicts_are_those_of_the_scorecard(results):
    write_scorecard(results)
    page = page_at_hand(planned("Fig_4"), results)
    first, *others = page.claims
    assert (first.verdict, first.measured, first.remark) == (REPRODUCED, "0.1501 ± 0.0002", "so it is")
    assert {claim.verdict for claim in others} == {"not judged yet"}
    assert len(page.claims) == len(planned("Fig_4").claims)


@pytest.mark.parametrize("change", [{"expected": 0.2}, {"statement": "another"}, {"id": "another"}])
def test_a_claim_that_was_changed_since_is_not_judged(results, change):
    write_scorecard(results, **change)
    assert page_at_hand(planned("Fig_4"), results).verdicts == {"not judged yet": len(planned("Fig_4").claims)}
