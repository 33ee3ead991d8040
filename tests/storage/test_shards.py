"""The join concatenates what the plan asks for and refuses everything else by name."""

import pyarrow as pa
import pytest

from nnstatmech.storage.shards import StrangeShard, concatenated, join, prepend, read_frame, require_distinct_rows
from nnstatmech.storage.tables import DamagedTable, tidy, write_table

from .test_tables import SCHEMA

PARAMS = {"width": 64, "depth": 10}
MADE_BY = {"dataset_digest": "ab", "files": {"w.pth": "34"}, "engine": "new", "code": "1"}


def write_shard(folder, seeds, run="rho=1", rho=1, **metadata):
    table = tidy(SCHEMA, seed=seeds, depth=1, quantity="chi", value=[float(seed) for seed in seeds])
    path = folder / f"{run}-{seeds[0]}.parquet"
    said = {"run": run, "params": PARAMS, "dataset": "mnist", "seeds": seeds} | MADE_BY | metadata
    write_table(prepend(table, {"experiment": "e", "run": run, "rho": rho}), path, said)
    return str(path)


def wanted(seeds, run="rho=1"):
    return {run: {"params": PARAMS, "dataset": "mnist", "seeds": seeds} | MADE_BY}


def write_batch(path, runs, seeds=(0, 1), values=0.0, **metadata):
    """A shard that holds several runs, with what each says of itself; ``metadata``: run to what it says instead."""
    tables, said = [], []
    for run in runs:
        rows = tidy(SCHEMA, seed=list(seeds), depth=1, quantity="chi", value=values)
        tables.append(prepend(rows, {"experiment": "e", "run": run}))
        provenance = wanted(list(seeds), run)[run] | {"run": run}
        said.append(provenance | metadata.get(run, {}))
    write_table(concatenated(tables), path, {"shards": said})
    return str(path)


def test_shards_are_joined_with_their_provenance(tmp_path):
    paths = [write_shard(tmp_path, [0, 1]), write_shard(tmp_path, [2])]
    table, provenance = join(paths, {"rho=1/000": wanted([0, 1]), "rho=1/001": wanted([2])})
    assert table["seed"].to_pylist() == [0, 1, 2]
    assert [shard["seeds"] for shard in provenance] == [[0, 1], [2]]


def test_axes_may_mix_integers_and_decimals(tmp_path):
    paths = [write_shard(tmp_path, [0], "rho=1", 1), write_shard(tmp_path, [0], "rho=0.5", 0.5)]
    table, _ = join(paths, {"a": wanted([0]), "b": wanted([0], "rho=0.5")})
    assert table["rho"].to_pylist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"dataset_digest": "cd"}, "dataset_digest: 'cd', the plan says 'ab'"),
        ({"dataset_digest": None}, "dataset_digest: None, the plan says 'ab'"),
        ({"files": {"w.pth": "12"}}, "files: {'w.pth': '12'}, the plan says {'w.pth': '34'}"),
        ({"code": "0"}, "code: '0', the plan says '1'"),
        ({"engine": "old"}, "engine: 'old', the plan says 'new'"),
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
    said = wanted([0, 1, 2])["rho=1"] | {"run": "rho=1"}
    table = prepend(tidy(SCHEMA, seed=[0, 1], value=[0.0, 1.0]), {"run": "rho=1"})
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


@pytest.mark.parametrize("key", ["code", "engine"])
def test_code_that_was_accepted_is_no_stranger(tmp_path, key):
    accepted = [{"code": "1", "engine": "new"}, {"code": "2", "engine": "new"}]
    path = write_shard(tmp_path, [0], **{key: "0"}, accepted=accepted)
    assert join([path], {"a": wanted([0])})[0].num_rows == 1


@pytest.mark.parametrize(
    ("metadata", "offered"),
    [({"code": "0"}, True), ({"engine": "old"}, True), ({"code": "0", "dataset_digest": "cd"}, False)],
)
def test_only_other_code_may_be_accepted(tmp_path, metadata, offered):
    """Other images or parameters change numbers for certain."""
    path = write_shard(tmp_path / "family/e/rho=1", [0], **metadata)
    with pytest.raises(StrangeShard) as caught:
        join([path], {"a": wanted([0])})
    command = f"python -m nnstatmech.storage.accept '{tmp_path}/family/e.parquet'"
    assert (command in str(caught.value)) is offered


def test_rows_given_twice_are_refused(tmp_path):
    """Also with another value."""
    path = tmp_path / "s.parquet"
    twice = tidy(SCHEMA, seed=[0, 0], depth=[3, 3], quantity="chi", value=[1.0, 2.0])
    write_table(prepend(twice, {"run": "a"}), path, {"run": "a", **wanted([0])["rho=1"]})
    with pytest.raises(StrangeShard, match="has 2 rows of run a, seed 0, depth 3, quantity chi; rm"):
        join([str(path)], {"a": wanted([0], "a")})


@pytest.mark.parametrize(("second", "refused"), [(1.0, False), (1.5, True)])
def test_what_does_not_depend_on_the_seed_is_the_same_in_every_shard(tmp_path, second, refused):
    paths = []
    for seed, exact in ((0, 1.0), (1, second)):
        rows = [tidy(SCHEMA, depth=[3], quantity="exact", value=exact), tidy(SCHEMA, seed=[seed], depth=[3], value=2.0)]
        paths.append(str(tmp_path / f"{seed}.parquet"))
        whole = prepend(pa.concat_tables(rows), {"run": "a"})
        write_table(whole, paths[-1], {"run": "a", **wanted([seed])["rho=1"]})
    contents = {"a": wanted([0], "a"), "b": wanted([1], "a")}
    if not refused:
        assert join(paths, contents)[0].num_rows == 4
        return
    with pytest.raises(StrangeShard, match=r"disagree about run a, depth 3, quantity exact, .*: 1.0 and 1.5"):
        join(paths, contents)


def test_rows_given_twice_are_seen_across_parts_with_dictionaries_of_their_own():
    first = tidy(SCHEMA, seed=[0], depth=1, quantity="a", value=1.0)
    second = tidy(SCHEMA, seed=[0], depth=1, quantity="b", value=1.0)
    require_distinct_rows(pa.concat_tables([first, second]), "x")
    with pytest.raises(StrangeShard, match="2 rows"):
        require_distinct_rows(pa.concat_tables([first, second, first]), "x")


def test_a_shard_may_hold_several_runs(tmp_path):
    path = write_batch(tmp_path / "s.parquet", ["rho=1", "rho=2"])
    table, provenance = join([path], {"all/000": wanted([0, 1]) | wanted([0, 1], "rho=2")})
    assert table["run"].to_pylist() == ["rho=1", "rho=1", "rho=2", "rho=2"]
    assert [said["run"] for said in provenance] == ["rho=1", "rho=2"]


@pytest.mark.parametrize("asked", [["rho=1"], ["rho=1", "rho=2", "rho=3"]])
def test_a_shard_with_other_runs_is_refused(tmp_path, asked):
    path = write_batch(tmp_path / "s.parquet", ["rho=1", "rho=2"])
    contents = {run: wanted([0, 1], run)[run] for run in asked}
    with pytest.raises(StrangeShard, match=f"holds the runs rho=1, rho=2, the plan says {', '.join(asked)}"):
        join([path], {"all/000": contents})


def test_a_stranger_among_the_runs_of_a_shard_is_named(tmp_path):
    path = write_batch(tmp_path / "s.parquet", ["rho=1", "rho=2"], **{"rho=2": {"code": "0"}})
    with pytest.raises(StrangeShard, match=f"the run rho=2 of {path} was made with code: '0', the plan says '1'"):
        join([path], {"all/000": wanted([0, 1]) | wanted([0, 1], "rho=2")})


def test_seeds_are_missed_in_each_run_of_a_shard(tmp_path):
    """Also where another run of the shard has them."""
    tables = [
        prepend(tidy(SCHEMA, seed=seeds, depth=1, quantity="chi", value=0.0), {"run": run})
        for run, seeds in (("rho=1", [0, 1]), ("rho=2", [0]))
    ]
    said = [wanted([0, 1], run)[run] | {"run": run} for run in ("rho=1", "rho=2")]
    path = tmp_path / "s.parquet"
    write_table(concatenated(tables), path, {"shards": said})
    with pytest.raises(StrangeShard, match=r"rows of the seeds \[0\], the plan says \[0, 1\]"):
        join([str(path)], {"all/000": wanted([0, 1]) | wanted([0, 1], "rho=2")})
