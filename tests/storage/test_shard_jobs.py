"""What a job computes, of which runs, and what it takes from shards that are there."""

import io
import sys

import pytest
import torch

from nnstatmech.storage.provenance import installed_versions
from nnstatmech.storage.shard_jobs import ShardJob
from nnstatmech.storage.shards import StrangeShard
from nnstatmech.storage.tables import read_table

FAMILY = """
from types import SimpleNamespace
from nnstatmech.parameters import Parameters

class Double(Parameters):
    number: float = 1.0

FAMILY = SimpleNamespace(tasks={"double": Double})
"""
TASK = """
import pyarrow as pa

asked = []

def run(params, seeds, dataset, device, progress):
    asked.append(params.number)
    return pa.table({"seed": list(seeds), "value": [2 * params.number] * len(seeds)})
"""
TOGETHER = """
def run_together(runs, seeds, dataset, device, progress):
    return [run(params, seeds, dataset, device, progress) for params in runs]
"""


@pytest.fixture(params=[TASK, TASK + TOGETHER], ids=["one by one", "together"])
def asked(request, tmp_path, monkeypatch):
    """The numbers that the engine was asked to double."""
    package = tmp_path / "doubling"
    (package / "tasks").mkdir(parents=True)
    for name, text in (("__init__", ""), ("family", FAMILY), ("tasks/__init__", ""), ("tasks/double", request.param)):
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("doubling")]:
        monkeypatch.delitem(sys.modules, name)
    import doubling.tasks.double

    return doubling.tasks.double.asked


def job(folder, numbers, **others):
    runs = {
        f"number={number}": {"params": {"number": number}, "dataset": None, "axes": {"number": str(number)}}
        for number in numbers
    }
    given = {
        "experiment": "doubles",
        "seeds": [0, 1],
        "runs": runs,
        "engine": "doubling.tasks.double",
        "code": "abc",
        "images": {},
        "facts": {},
        "shard": folder / "results" / "all" / "shard-000.parquet",
        "device": torch.device("cpu"),
        "made_by": {"versions": installed_versions(), "device": "cpu", "threads": 1},
        "log": io.StringIO(),
    } | others
    given["shard"].parent.mkdir(parents=True, exist_ok=True)
    return ShardJob(**given)


def test_runs_stand_in_the_order_of_the_plan_with_their_axes(asked, tmp_path):
    first = job(tmp_path, [3.0, 1.0])
    first.run()
    rows, said = read_table(first.shard)
    assert asked == [3.0, 1.0]
    assert rows["value"].to_pylist() == [6.0, 6.0, 2.0, 2.0]
    assert rows["number"].to_pylist() == ["3.0", "3.0", "1.0", "1.0"]
    assert [one["run"] for one in said["shards"]] == ["number=3.0", "number=1.0"]


def test_what_is_at_hand_is_not_computed_again(asked, tmp_path):
    job(tmp_path, [1.0]).run()
    more = job(tmp_path, [2.0, 1.0])
    more.run()
    assert asked == [1.0, 2.0]
    assert read_table(more.shard)[0]["value"].to_pylist() == [4.0, 4.0, 2.0, 2.0]
    assert "number=1.0 is at hand" in more.log.getvalue()


@pytest.mark.parametrize("other", [{"code": "def"}, {"seeds": [0, 2]}])
def test_what_was_made_otherwise_is_computed_again(asked, tmp_path, other):
    job(tmp_path, [1.0]).run()
    job(tmp_path, [1.0], **other).run()
    assert asked == [1.0, 1.0]


def test_rows_given_twice_are_refused(asked, tmp_path):
    with pytest.raises(StrangeShard, match="2 rows of seed 0"):
        job(tmp_path, [1.0], seeds=[0, 0]).run()
    assert not (tmp_path / "results" / "all" / "shard-000.parquet").exists()
