"""Runs that share a job: what exists is never lost, and only what is new is computed."""

import copy
import re

import pytest
import yaml
from small_project import CONFIG, copy_project

from nnstatmech.storage.tables import read_table

pytestmark = pytest.mark.slow  # a minute of calls one after the other

HERE = "(laptop-bundled)"
FOLDER = "results/laptop-bundled/moments/wide"
TABLE = f"{FOLDER}.parquet"
JOBS = [f"Run wide / all, shard {shard} {HERE}" for shard in ("000", "001")]
JOIN = f"Join the shards of wide {HERE}"
ENTRY = {key: value for key, value in CONFIG["experiments"]["wide"].items() if key != "batched"}
SMALL = CONFIG | {"experiments": {"wide": ENTRY}, "figures": {"Wide": CONFIG["figures"]["Wide"]}}
SMALL["experiments"]["wide"]["sweep"] = {"batch_size": [4, 6]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy in which the table has been made; the tests of this module change it one after the other."""
    made = copy_project(tmp_path_factory.mktemp("batches") / "copy", copy.deepcopy(SMALL))
    made.make(TABLE, "--cores", "2")
    return made


def change(project, **entry):
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    config["experiments"]["wide"] |= entry
    project.configure(config)


def planned(project):
    said = project.make(TABLE, "--dry-run", "--quiet", "host")
    return sorted(set(re.findall(r"^Job \d+: (.+)$", said, re.MULTILINE)))


def table(project):
    return read_table(project.folder / TABLE)


def in_order(rows):
    """Rows in an order that does not depend on the jobs that they come from."""
    frame = rows.to_pandas().astype({"run": str, "quantity": str, "experiment": str})
    return frame.sort_values(["run", "seed", "quantity", "depth"]).reset_index(drop=True)


def jobs(project):
    """Run and first seed to when it was computed."""
    return {(said["run"], said["seeds"][0]): said["started"] for said in table(project)[1]["shards"]}


def test_small_runs_share_jobs_and_give_what_each_gives_alone(project, built):
    assert sorted(path.name for path in (project.folder / FOLDER).iterdir()) == ["all"]
    assert planned(project) == []
    assert CONFIG["experiments"]["wide"] == ENTRY | {"batched": []}
    assert len(list((built.folder / FOLDER).iterdir())) == 2
    assert in_order(table(project)[0]).equals(in_order(table(built)[0]))


def test_a_new_value_computes_its_own_run_only(project):
    before, rows = jobs(project), table(project)[0].num_rows
    change(project, sweep={"batch_size": [4, 5, 6]})
    assert planned(project) == sorted([*JOBS, JOIN])
    project.make(TABLE, "--cores", "2")
    after = jobs(project)
    assert {key: after[key] for key in before} == before
    assert set(after) - set(before) == {("batch_size=5", 0), ("batch_size=5", 2)}
    assert table(project)[0].num_rows == rows * 3 // 2
    assert "batch_size=4 is at hand" in (project.folder / FOLDER / "all/shard-000.log").read_text()


def test_a_job_that_fails_leaves_what_was_there(project):
    path = project.folder / FOLDER / "all/shard-000.parquet"
    before = path.read_bytes()
    change(project, sweep={"batch_size": [4, 5, 6, 100_000]})
    project.fail(f"{FOLDER}/all/shard-000.parquet", "--cores", "1")
    assert path.read_bytes() == before
    change(project, sweep={"batch_size": [4, 5, 6]})


def test_other_divisions_into_jobs_take_what_is_there(project):
    change(project, seeds=2)
    project.make(TABLE, "--cores", "2")
    before, rows = jobs(project), table(project)[0]
    change(project, batched=[])
    project.make(TABLE, "--cores", "2")
    assert jobs(project) == before
    assert in_order(table(project)[0]).equals(in_order(rows))
    change(project, batched=["batch_size"])
    project.make(TABLE, "--cores", "2")
    assert table(project)[0].equals(rows)
    change(project, seeds=4)


def test_more_seeds_run_only_the_new_shards(project):
    change(project, seeds=6)
    assert planned(project) == sorted([f"Run wide / all, shard 002 {HERE}", JOIN])


def test_a_stranger_among_the_runs_is_computed_again(project):
    change(project, params=ENTRY["params"] | {"width": 9}, seeds=2)
    before = jobs(project)
    project.make(TABLE, "--cores", "2")
    after = jobs(project)
    assert after.keys() <= before.keys()
    assert all(started != before[key] for key, started in after.items())


def test_a_run_is_no_job_of_its_own(project):
    said = project.fail(f"{FOLDER}/batch_size=4/shard-000.parquet", "--cores", "1")
    assert "the run 'batch_size=4' of experiment 'wide' is computed in the job 'all'" in said
