"""Results packed in one checkout and unpacked in another: nothing is computed again."""

import os
import subprocess
import sys

from small_project import copy_project

from nnstatmech.storage.tables import read_table

TABLE = "results/laptop-bundled/moments/wide.parquet"


def command_line(project, *arguments):
    """Call the command line of a project's own package."""
    environment = os.environ | {"PYTHONPATH": str(project.folder / "workflow")}
    command = [sys.executable, "-m", "nnstatmech", *map(str, arguments)]
    subprocess.run(command, cwd=project.folder, env=environment, check=True, timeout=300)


def test_unpacked_shards_are_joined_and_drawn_but_not_run_again(built, tmp_path):
    other = copy_project(tmp_path / "other")
    command_line(built, "bundle", "results/laptop-bundled", "-o", tmp_path / "results.zip")
    command_line(other, "unbundle", tmp_path / "results.zip")
    jobs = other.plan()
    assert "Join the shards of wide (laptop-bundled)" in jobs
    assert not [job for job in jobs if job.startswith(("Run", "Prepare"))]
    other.make(TABLE, "--cores", "1")
    assert read_table(other.folder / TABLE)[0].equals(read_table(built.folder / TABLE)[0])
