"""Progress on the terminal of a call, and nothing of it in dry runs and logs."""

import os
import pty
import re
import subprocess
import sys

import pytest
import yaml
from small_project import CONFIG, copy_project

SHARD = "results/laptop-bundled/moments/deep/single/shard-000.parquet"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy with one job of some seconds."""
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["experiments"]["deep"]["seeds"] = 400
    return copy_project(tmp_path_factory.mktemp("terminal") / "copy", config)


def on_terminal(project, *arguments):
    """What a call writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "snakemake", SHARD, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "150"}
    call = subprocess.Popen(command, cwd=project.folder, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    while chunk := read(ours):
        written += chunk
    os.close(ours)
    assert call.wait(600) == 0, written.decode()
    return written.decode()


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.slow
def test_a_running_shard_is_a_bar_on_the_terminal_only(project):
    bar = SHARD.removeprefix("results/").removesuffix(".parquet") + ": "
    assert bar not in on_terminal(project, "--dry-run")
    said = on_terminal(project, "--cores", "1")
    assert bar in said
    assert re.search(rf"{bar} *\d+%.* \d+/\d+ \[", said)
    assert "100%" not in said.splitlines()[-1]  # the last bar is taken away
    logs = "".join(path.read_text() for path in project.folder.glob(".snakemake/log/*.log"))
    assert "Run deep / single, shard 000" in logs
    assert bar not in logs
    (project.folder / SHARD).unlink()
    assert bar not in on_terminal(project, "--cores", "1", "--quiet", "progress")
