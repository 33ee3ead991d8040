"""Accepting shards that other code has made, in a small workflow with Snakemake's own records."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_project import Project

from nnstatmech.storage.accept import NotAcceptable, accept, record_of
from nnstatmech.storage.tables import DamagedTable, read_table, tidy, write_table

PACKAGES = Path(__file__).resolve().parents[2] / "workflow"
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(PACKAGES)!r})
CODE = open("code").read().strip()
ENGINE = open("engine").read().strip()
LONG = "x" * 190 + "=1"

rule draw:
    input: "results/set/family/e.parquet"
    output: "figure"
    shell: "cp {{input}} {{output}}"

rule join:
    input: expand("results/set/family/e/{{run}}/shard-000.parquet", run=["a=1", LONG])
    output: "results/set/family/e.parquet"
    params: made_by={{"engine": ENGINE, "code": CODE}}
    script: "join.py"

rule run:
    output: "results/set/family/e/{{run}}/shard-000.parquet"
    params: run={{"params": {{"width": 3}}}}, engine=ENGINE, code=CODE
    script: "run.py"
"""
RUN = f"""
import sys
sys.path.insert(0, {str(PACKAGES)!r})
from nnstatmech.storage.tables import tidy, write_table
made_by = {{"engine": snakemake.params.engine, "code": snakemake.params.code}}
said = {{"run": snakemake.wildcards.run, "params": {{"width": 3}}, "dataset": None, "seeds": [0], **made_by}}
columns = {{"run": "category", "seed": "int32", "value": "float64"}}
table = tidy(columns, run=snakemake.wildcards.run, seed=[0], value=1.0)
write_table(table, snakemake.output[0], said)
"""
JOIN = f"""
import sys
sys.path.insert(0, {str(PACKAGES)!r})
from nnstatmech.storage.shards import join
from nnstatmech.storage.tables import write_table
wanted = {{"params": {{"width": 3}}, "dataset": None, "seeds": [0], **snakemake.params.made_by}}
table, shards = join(snakemake.input, {{path: {{path.split("/")[4]: wanted}} for path in snakemake.input}})
write_table(table, snakemake.output[0], {{"shards": shards}})
"""
TABLE = "results/set/family/e.parquet"
SHARD = "results/set/family/e/a=1/shard-000.parquet"
OLD, NEW = {"engine": "package.old", "code": "0" * 16}, {"engine": "package.old", "code": "1" * 16}


class Workflow:
    def __init__(self, folder):
        self.folder = folder

    def ask(self, made_by):
        """What the plan asks for."""
        for key, value in made_by.items():
            (self.folder / key).write_text(value)

    def call(self, *arguments):
        triggers = ("--rerun-triggers", "mtime", "params", "input")
        return Project(self.folder).call(*arguments, "--cores", "1", *triggers)

    def planned(self):
        """Rules of the jobs that a dry run plans."""
        done = self.call("--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr
        return {name for name in ("run", "join", "draw") if f"rule {name}:" in done.stdout + done.stderr}

    def make(self, *targets):
        done = self.call(*targets, "--show-failed-logs")
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workflow")
    for name, text in (("Snakefile", SNAKEFILE), ("run.py", RUN), ("join.py", JOIN)):
        (folder / name).write_text(text)
    workflow = Workflow(folder)
    workflow.ask(OLD)
    code, said = workflow.make()
    assert code == 0, said
    return workflow


@pytest.fixture
def workflow(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Workflow(tmp_path / "copy")


def test_nothing_is_planned_after_accepting(workflow):
    workflow.ask(NEW)
    assert workflow.planned() == {"run", "join", "draw"}
    before = (workflow.folder / SHARD).stat().st_mtime_ns
    assert accept(workflow.folder / TABLE, NEW, workflow.folder) == 2
    assert workflow.planned() == set()
    assert (workflow.folder / SHARD).stat().st_mtime_ns == before
    # A new date of what was rewritten is seen for what it is: the recorded checksums are those of the new files.
    os.utime(workflow.folder / SHARD)
    os.utime(workflow.folder / TABLE)
    assert workflow.planned() == set()
    workflow.ask(NEW | {"code": "2" * 16})
    assert workflow.planned() == {"run", "join", "draw"}


def test_the_new_code_stands_beside_the_old_with_commit_and_date(workflow):
    rows, before = read_table(workflow.folder / SHARD)
    accept(workflow.folder / TABLE, NEW, workflow.folder)
    again, said = read_table(workflow.folder / SHARD)
    (entry,) = said.pop("accepted")
    assert again.equals(rows)
    assert said == before
    assert entry.keys() == {"engine", "code", "commit", "modified", "date"}
    assert entry["code"] == NEW["code"]
    for shard in read_table(workflow.folder / TABLE)[1]["shards"]:
        assert shard["code"] == OLD["code"]
        assert shard["accepted"][0]["code"] == NEW["code"]
    accept(workflow.folder / TABLE, NEW, workflow.folder)
    assert len(read_table(workflow.folder / SHARD)[1]["accepted"]) == 1


def test_a_module_may_have_another_name(workflow):
    moved = {"engine": "package.new", "code": "2" * 16}
    workflow.ask(moved)
    accept(workflow.folder / TABLE, NEW, workflow.folder)
    assert workflow.planned() != set()
    accept(workflow.folder / TABLE, moved, workflow.folder)
    assert workflow.planned() == set()


def test_an_accepting_that_was_killed_is_repeated(workflow, monkeypatch):
    """Shards have been written, Snakemake's records not yet."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("nnstatmech.storage.accept.update_records", killed)
        with pytest.raises(KeyboardInterrupt):
            accept(workflow.folder / TABLE, NEW, workflow.folder)
    workflow.ask(NEW)
    assert workflow.planned() != set()
    accept(workflow.folder / TABLE, NEW, workflow.folder)
    assert workflow.planned() == set()


def test_strangers_without_records_are_refused_by_the_join_until_accepted(workflow):
    """Results that were copied: Snakemake knows nothing of them."""
    workflow.ask(NEW)
    shutil.rmtree(workflow.folder / ".snakemake")
    (workflow.folder / TABLE).unlink()
    code, said = workflow.make(TABLE)
    assert code != 0
    assert f"{SHARD} was made with code: '{OLD['code']}', the plan says '{NEW['code']}'" in said
    assert f"python -m nnstatmech.storage.accept '{TABLE}'" in said
    accept(workflow.folder / TABLE, NEW, workflow.folder)
    code, said = workflow.make(TABLE)
    assert code == 0, said
    assert workflow.planned() == {"draw"}


def test_long_names_are_found_where_snakemake_keeps_them(workflow):
    (long,) = workflow.folder.glob("results/set/family/e/xxx*/shard-000.parquet")
    record = record_of(workflow.folder, str(long.relative_to(workflow.folder)))
    assert json.loads(record.read_text())["rule"] == "run"
    assert record.parent.name.startswith("@")


def test_what_cannot_be_accepted_is_named(tmp_path):
    with pytest.raises(NotAcceptable, match="has no shards"):
        accept(tmp_path / TABLE, NEW, tmp_path)
    shard = tmp_path / SHARD
    write_table(tidy({"seed": "int32"}, seed=np.arange(2)), shard, OLD)
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-9])
    with pytest.raises(DamagedTable, match=str(shard)):
        accept(tmp_path / TABLE, NEW, tmp_path)
    shard.write_bytes(whole)
    (tmp_path / ".snakemake").mkdir()
    (tmp_path / ".snakemake/metadata.db").touch()
    with pytest.raises(NotAcceptable, match="in a database"):
        accept(tmp_path / TABLE, NEW, tmp_path)


def test_the_command_says_what_it_did(tmp_path):
    shard = tmp_path / SHARD
    made_by = {"engine": "nnstatmech.moments.tasks.propagation", "code": "0" * 16}
    write_table(tidy({"seed": "int32"}, seed=np.arange(2)), shard, made_by | {"run": "a=1", "seeds": [0, 1]})

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "nnstatmech.storage.accept", *arguments],
            cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(PACKAGES)},
        )  # fmt: skip

    done = command(TABLE)
    assert done.returncode == 0, done.stderr
    accepted = read_table(shard)[1]["accepted"][0]
    assert done.stdout == f"{TABLE}: 1 shards count as made by code {accepted['code']} ({made_by['engine']})\n"
    for wrong in (["results/none.parquet"], [TABLE, "--engine", "nnstatmech.moments.tasks.none"]):
        done = command(*wrong)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "Traceback" not in done.stderr
