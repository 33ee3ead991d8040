"""The script that starts a SLURM of one node, where it cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ONE_NODE = Path(__file__).with_name("one_node.sh")
TOOLS = ("bash", "env", "id", "nproc", "awk", "hostname", "mktemp", "grep", "tail", "rm", "dirname")


@pytest.fixture
def machine(tmp_path):
    """Call the script where there are only a few tools, and no SLURM."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool))

    def call(*arguments):
        environment = {"PATH": str(tmp_path), "NNSTATMECH_SLURM_DIR": str(tmp_path / "state")}
        return subprocess.run([ONE_NODE, *arguments], capture_output=True, text=True, env=environment)

    return tmp_path, call


def test_without_a_verb_it_says_how_to_call_it(machine):
    _, call = machine
    done = call()
    assert done.returncode == 2
    assert "one_node.sh start" in done.stderr


def test_nothing_runs_before_it_is_started(machine):
    _, call = machine
    done = call("status")
    assert (done.returncode, done.stderr) == (1, "one_node.sh: not running\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="installing needs root")
def test_install_fails_in_one_line_without_a_package_manager(machine):
    _, call = machine
    done = call("install")
    assert done.returncode == 1
    assert done.stderr.startswith("one_node.sh: no apt-get here; install these packages by hand: slurmctld")


@pytest.mark.skipif(os.geteuid() != 0, reason="installing needs root")
def test_install_fails_in_one_line_without_a_connection(machine):
    tools, call = machine
    (tools / "apt-get").write_text("#!/usr/bin/env bash\necho 'E: Unable to fetch some archives' >&2\nexit 100\n")
    (tools / "apt-get").chmod(0o755)
    done = call("install")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "E: Unable to fetch some archives" in done.stderr
