"""The join concatenates what the plan asks for and refuses everything else by name."""

import pytest

from nnstatmech.storage.shards import StrangeShard, join, prepend, read_frame
from nnstatmech.storage.tables import DamagedTable, tidy, write_table

from .test_tables import SCHEMA

PARAMS = {"width": 64, "depth": 10}


def write_shard(folder, seeds, run="rho=1", rho=1, **metadata):
    table = tidy(SCHEMA, seed=seeds, depth=1, quantity="chi", value=[float(seed) for seed in seeds])
    path = folder / f"{run}-{seeds[0]}.parquet"
    said = {"run": run, "params": PARAMS, "dataset": "mnist", "seeds": seeds} | metadata
    write_table(prepend(table, {"experiment": "e", "run": run, "rho": rho}), path, said)
    return str(path)


def wanted(seeds):
    return {"params": PARAMS, "dataset": "mnist", "seeds": seeds}


def test_shards_are_joined_with_their_provenance(tmp_path):
    paths = [write_shard(tmp_path, [0, 1]), write_shard(tmp_path, [2])]
    table, provenance = join(paths, {"rho=1/000": wanted([0, 1]), "rho=1/001": wanted([2])})
    assert table["seed"].to_pylist() == [0, 1, 2]
    assert [shard["seeds"] for shard in provenance] == [[0, 1], [2]]


def test_axes_may_mix_integers_and_decimals(tmp_path):
    paths = [write_shard(tmp_path, [0], "rho=1", 1), write_shard(tmp_path, [0], "rho=0.5", 0.5)]
    table, _ = join(paths, {"a": wanted([0]), "b": wanted([0])})
    assert table["rho"].to_pylist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"params": {"width": 32, "depth": 10}}, "width: 32, the plan says 64"),
        ({"params": {"width": 64}}, "depth: None, the plan says 10"),
        ({"dataset": "cifar10"}, "dataset: 'cifar10', the plan says 'mnist'"),
    ],
)
def test_strangers_are_refused_by_name(tmp_path, metadata, said):
    path = write_shard(tmp_path, [0], **metadata)
    with pytest.raises(StrangeShard, match=f"{path} was made with {said}; make it again"):
        join([path], {"a": wanted([0])})


def test_other_seeds_are_refused(tmp_path):
    path = write_shard(tmp_path, [0, 1])
    with pytest.raises(StrangeShard, match=r"seeds: \[0, 1\], the plan says \[0, 1, 2\]"):
        join([path], {"a": wanted([0, 1, 2])})


def test_rows_of_a_missing_seed_are_missed(tmp_path):
    path = write_shard(tmp_path, [0, 1])
    said = {"run": "rho=1", "params": PARAMS, "dataset": "mnist", "seeds": [0, 1, 2]}
    table = tidy(SCHEMA, seed=[0, 1], value=[0.0, 1.0])
    write_table(table, path, said)
    with pytest.raises(StrangeShard, match=r"has rows of the seeds \[0, 1\], the plan says \[0, 1, 2\]"):
        join([path], {"a": wanted([0, 1, 2])})


def test_a_damaged_shard_is_named(tmp_path):
    path = write_shard(tmp_path, [0])
    with open(path, "r+b") as file:
        file.truncate(50)
    with pytest.raises(DamagedTable, match=path):
        join([path], {"a": wanted([0])})


def test_an_axis_must_not_hide_a_column():
    with pytest.raises(ValueError, match="the axis depth has the name of a column"):
        prepend(tidy(SCHEMA, seed=[0]), {"depth": 3})


def test_a_frame_knows_the_parameters_of_its_runs(tmp_path):
    table, provenance = join([write_shard(tmp_path, [0, 1])], {"a": wanted([0, 1])})
    write_table(table, tmp_path / "joined.parquet", {"shards": provenance})
    frame = read_frame(tmp_path / "joined.parquet")
    assert frame.attrs["runs"] == {"rho=1": {"width": 64, "depth": 10, "dataset": "mnist"}}
    assert list(frame.columns[:3]) == ["experiment", "run", "rho"]
