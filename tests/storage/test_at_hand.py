"""Runs that are at hand are found wherever they lie, and only those that are as they are wanted."""

from pathlib import Path

import pytest

from nnstatmech.storage import at_hand
from nnstatmech.storage.at_hand import runs_at_hand
from nnstatmech.storage.tables import read_table

from .test_shards import MADE_BY, PARAMS, wanted, write_batch

VERSIONS = {"torch": "1"}


@pytest.fixture(autouse=True)
def versions(monkeypatch):
    monkeypatch.setattr(at_hand, "installed_versions", lambda: VERSIONS)


@pytest.fixture
def write(tmp_path):
    """``write("all", runs)``: a shard of the job ``all``; its path."""

    def written(job, runs, shard="000", **metadata):
        path = tmp_path / "e" / job / f"shard-{shard}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        said = {run: {"versions": VERSIONS} | metadata.get(run, {}) for run in runs}
        return write_batch(path, runs, **said)

    return written


def asked(*runs):
    return {run: wanted([0, 1], run)[run] for run in runs}


def test_of_a_job_that_gets_another_run_the_others_are_at_hand(write):
    shard = write("all", ["rho=1", "rho=2"])
    found = runs_at_hand(shard, asked("rho=1", "rho=2", "rho=3"))
    assert list(found) == ["rho=1", "rho=2"]
    rows, said = found["rho=2"]
    assert rows.equals(read_table(shard)[0].slice(2))
    assert said["run"] == "rho=2"


def test_runs_are_found_in_the_shards_of_other_jobs(write, tmp_path):
    write("rho=1", ["rho=1"])
    write("rho=2", ["rho=2"])
    write("rho=3", ["rho=3"], shard="001")
    shard = tmp_path / "e/all/shard-000.parquet"
    assert list(runs_at_hand(shard, asked("rho=1", "rho=2", "rho=3"))) == ["rho=1", "rho=2"]


@pytest.mark.parametrize(
    "said",
    [
        {"code": "0"},
        {"dataset_digest": "cd"},
        {"seeds": [0, 1, 2]},
        {"params": PARAMS | {"width": 32}},
        {"versions": {"torch": "2"}},
    ],
)
def test_strangers_are_computed_again(write, said):
    shard = write("all", ["rho=1", "rho=2"], **{"rho=2": said})
    assert list(runs_at_hand(shard, asked("rho=1", "rho=2"))) == ["rho=1"]


def test_accepted_code_counts(write):
    former = {"code": "0", "accepted": [{key: MADE_BY[key] for key in ("code", "engine")}]}
    shard = write("all", ["rho=1"], **{"rho=1": former})
    assert list(runs_at_hand(shard, asked("rho=1"))) == ["rho=1"]


def test_damaged_shards_are_passed_over(write):
    """One whose footer is whole, too."""
    shard = write("all", ["rho=1"])
    whole = Path(shard).read_bytes()
    for place in (len(whole) // 4, len(whole) - 5):
        flipped = bytearray(whole)
        flipped[place] ^= 255
        Path(shard).write_bytes(flipped)
        assert runs_at_hand(shard, asked("rho=1")) == {}
    Path(shard).write_bytes(whole)
    assert list(runs_at_hand(shard, asked("rho=1"))) == ["rho=1"]


def test_nothing_is_at_hand_before_the_first_job(tmp_path):
    assert runs_at_hand(tmp_path / "e/all/shard-000.parquet", asked("rho=1")) == {}
