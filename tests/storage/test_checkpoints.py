"""A state is given back as it was to the run that it belongs to, and to no other."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from nnstatmech.storage import checkpoints
from nnstatmech.storage.checkpoints import ShardCheckpoint, no_checkpoint, remove_checkpoints

IDENTITY = {"params": {"width": 3}, "seeds": [0], "code": "1", "dataset_digest": "ab", "versions": {"torch": "1"}}


def checkpoint(folder, seconds=0.0, **others):
    return ShardCheckpoint(folder / "shard-000.parquet", IDENTITY | others, seconds)


def test_a_state_comes_back_in_another_process(tmp_path):
    state = {"epoch": 3, "numbers": [0.1, float("inf")], "bytes": b"a\nb\n"}
    checkpoint(tmp_path).offer(lambda: state)
    assert checkpoint(tmp_path).load() == state
    checkpoint(tmp_path).offer(lambda: state | {"epoch": 4})
    assert checkpoint(tmp_path).load()["epoch"] == 4


@pytest.mark.parametrize(
    "other",
    [
        {"params": {"width": 4}},
        {"seeds": [1]},
        {"code": "2"},
        {"dataset_digest": "cd"},
        {"versions": {"torch": "2"}},
    ],
)
def test_the_state_of_another_run_is_refused(tmp_path, other, monkeypatch):
    """Also under the name that this run's would have; it is not even unpickled."""
    checkpoint(tmp_path, **other).offer(lambda: 1)
    mine = checkpoint(tmp_path)
    assert mine.load() is None
    checkpoint(tmp_path, **other).path.rename(mine.path)
    monkeypatch.setattr(pickle, "loads", lambda content: pytest.fail("was unpickled"))
    assert mine.load() is None


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: whole[:-3] + b"!" + whole[-2:], lambda _: b""]
)
def test_a_damaged_state_is_refused(tmp_path, damage, monkeypatch):
    saved = checkpoint(tmp_path)
    saved.offer(lambda: [1, 2])
    saved.path.write_bytes(damage(saved.path.read_bytes()))
    monkeypatch.setattr(pickle, "loads", lambda content: pytest.fail("was unpickled"))
    assert saved.load() is None


def test_short_jobs_write_nothing(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    short = checkpoint(tmp_path, seconds=600)
    asked = []
    for minute in range(25):
        now[0] = 60.0 * minute
        short.offer(lambda: asked.append(now[0]))
    assert asked == [600.0, 1200.0]


def test_a_disk_that_is_full_ends_no_computation(tmp_path, monkeypatch):
    def full(path):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints, "whole_file", full)
    checkpoint(tmp_path).offer(lambda: 1)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_shard_leaves_no_state_behind(tmp_path):
    checkpoint(tmp_path).offer(lambda: 1)
    checkpoint(tmp_path, code="2").offer(lambda: 1)
    other = ShardCheckpoint(tmp_path / "shard-001.parquet", IDENTITY, 0.0)
    other.offer(lambda: 1)
    remove_checkpoints(tmp_path / "shard-000.parquet")
    assert list(tmp_path.iterdir()) == [other.path]


def test_without_a_job_nothing_is_kept():
    no_checkpoint.offer(lambda: pytest.fail("was asked"))
    assert no_checkpoint.load() is None


def test_the_module_needs_no_torch():
    code = "import sys, nnstatmech.storage.checkpoints; sys.exit('torch' in sys.modules)"
    folder = Path(__file__).resolve().parents[2] / "workflow"
    assert subprocess.run([sys.executable, "-c", code], cwd=folder).returncode == 0
