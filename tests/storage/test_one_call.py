"""A folder belongs to one call at a time, and to nobody after its end, however it ends."""

import os
import signal
import subprocess
import sys

import pytest

from nnstatmech.storage.one_call import FolderInUse, hold

HOLDER = """
import sys, time
from pathlib import Path
from nnstatmech.storage.one_call import hold
kept = hold(Path(sys.argv[1]), "snakemake all")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_call_is_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(
        FolderInUse, match=rf"host \S+, process {holder.pid}, since 20\S+ \(snakemake all\); wait for it"
    ):
        hold(tmp_path / "lock", "snakemake x")


def test_a_killed_call_leaves_the_folder_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    hold(tmp_path / "lock", "snakemake x").close()


def test_the_folder_is_free_after_the_end(tmp_path):
    hold(tmp_path / "lock", "first").close()
    hold(tmp_path / "lock", "second").close()
