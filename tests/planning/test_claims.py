"""Claims that cannot be judged are refused before any job, each in one line with its place."""

import copy

import pytest
import yaml

from nnstatmech.planning.claims import check_references, read_claims
from nnstatmech.planning.families import FoundFamily, families_of
from nnstatmech.planning.layers import read_layers
from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import SCALES, read_settings

from .test_settings import plan

CLAIM = {
    "id": "a_claim",
    "source": "a paper",
    "figure": "Fig_1",
    "statement": "it grows",
    "experiment": "wide",
    "measure": "growth_rate",
    "arguments": {"where": {"batch_size": 16}},
    "expected": 1.0,
}


def family_with(tmp_path, claims):
    """The family of moments with claims of the test's own."""
    moments = families_of()["moments"]
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims))
    changed = {**vars(moments), "folder": tmp_path}
    return families_of() | {"moments": FoundFamily(**changed)}


def refusals(tmp_path, claims):
    others = {"moments": family_with(tmp_path, claims)["moments"]}
    try:
        found, places = read_claims(others)
        check_references(found, plan())
    except ConfigError as error:
        return error.located({}) if "places" not in locals() else error.located(places)
    return []


def test_the_example_is_good(tmp_path):
    assert refusals(tmp_path, [CLAIM]) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"expect": 1}, "unknown key 'expect'; did you mean 'expected'?"),
        ({"expected": "much"}, "expected = 'much': should be a valid number"),
        ({"comparison": "about"}, "comparison = 'about': should be 'equal', 'at_most' or 'at_least'"),
        ({"experiments": {"table": "wide"}}, "a claim names either `experiment` or `experiments`"),
        ({"figure": "Fig_9"}, "figure = 'Fig_9': no such figure; did you mean 'Fig_1'?"),
        ({"experiment": "wider"}, "experiment = 'wider': no such experiment; did you mean 'wide'?"),
        ({"measure": "growthrate"}, "measures.py defines no 'growthrate'; did you mean 'growth_rate'?"),
        ({"measure": "mean_at_depth", "arguments": {"name": "chi"}}, "mean_at_depth needs the argument 'depth'"),
        ({"measure": "skewness", "arguments": {"name": "chi", "dept": 3}}, "skewness takes no argument 'dept'"),
        (
            {"arguments": {"where": {"bach_size": 16}}},
            "'bach_size' is no axis, column or parameter of its table; did you mean 'batch_size'?",
        ),
        (
            {"arguments": {"where": {"batch_size": 17}}},
            "batch_size = 17: no run has it; allowed: 16, 64",
        ),
    ],
)
def test_claims_that_cannot_be_judged_are_named(tmp_path, change, line):
    lines = refusals(tmp_path, [CLAIM | change])
    assert len(lines) == 1
    assert line in lines[0]
    assert "moments/claims.yaml, line" in lines[0] or "(moments/claims.yaml" in lines[0]
    assert "a_claim" in lines[0]


def test_a_claim_must_not_be_given_twice(tmp_path):
    (line,) = refusals(tmp_path, [CLAIM, CLAIM])
    assert "the id 'a_claim' is given twice" in line


def test_a_file_of_claims_holds_a_list(tmp_path):
    (tmp_path / "claims.yaml").write_text("a: 1\n")
    changed = {**vars(families_of()["moments"]), "folder": tmp_path}
    with pytest.raises(ConfigError, match=r"moments/claims.yaml: must hold a list of claims"):
        read_claims({"moments": FoundFamily(**changed)})


@pytest.mark.parametrize("scale", SCALES)
def test_every_claim_of_the_project_refers_to_what_exists(scale):
    layers = read_layers([])
    made = Plan(read_settings(copy.deepcopy(layers.config), scale), layers.families, layers.folder_of)
    claims, _ = read_claims(layers.families)
    check_references(claims, made)
