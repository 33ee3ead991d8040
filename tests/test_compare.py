"""The benchmark that compares commits: which experiments are the same, and what it prints."""

import importlib.util
from pathlib import Path

import pytest

from nnstatmech.planning.layers import read_layers
from nnstatmech.planning.plan import Plan

ROOT = Path(__file__).resolve().parents[1]
SIZES = ROOT / "benchmarks/f3099da.yaml"


@pytest.fixture(scope="module")
def compare():
    spec = importlib.util.spec_from_file_location("compare", ROOT / "benchmarks/compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planned(family, seeds, *runs):
    return {"family": family, "seeds": seeds, "runs": list(runs)}


def test_experiments_are_the_same_whatever_their_parameters_were_called(compare):
    before = planned("m", 2, {"rule": "bp", "width": 3}, {"rule": "amp", "width": 3})
    now = planned("m", 2, {"algorithm": "amp", "width": 3, "added": 0}, {"algorithm": "bp", "width": 3, "added": 0})
    assert compare.differences(before, now) == ""


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (planned("m", 3, {"width": 3}), "2 and 3 seeds"),
        (planned("m", 2, {"width": 4}), "other parameters"),
        (planned("m", 2, {"width": 3}, {"width": 4}), "other parameters"),
    ],
)
def test_other_sizes_are_no_comparison(compare, now, reason):
    assert compare.differences(planned("m", 2, {"width": 3}), now) == reason


def test_what_is_left_out_is_said(compare, capsys):
    before = {"a": planned("m", 2, {"x": 1}), "b": planned("m", 2, {"x": 1}), "c": planned("n", 2, {"x": 1})}
    now = {"a": planned("m", 2, {"x": 1}), "c": planned("n", 3, {"x": 1})}
    assert compare.compared(before, now, [], []) == ["a"]
    assert capsys.readouterr().out.splitlines() == [
        "b: left out (it is not there any more)",
        "c: left out (2 and 3 seeds)",
    ]
    assert compare.compared(before, now, ["n"], []) == []
    assert compare.compared(before, now, [], ["a"]) == ["a"]


def test_a_line_gives_both_times_and_their_ratio(compare):
    assert compare.line("moments", [10.0, 5.0]).split() == ["moments", "10.0", "5.0", "0.50"]


def test_todays_tree_says_its_plan(compare):
    plan = compare.Tree(ROOT, (SIZES,)).plan()
    made = Plan.of(read_layers([ROOT / "config.yaml", SIZES], {}, ""), "laptop")
    assert {name: len(entry["runs"]) for name, entry in plan.items()} == {
        name: len(runs) for name, runs in made.runs.items()
    }
    assert plan["mp_rho"]["seeds"] == 1
