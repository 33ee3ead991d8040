"""Two calls at once in one folder: each finishes, or is refused at once in one line that names the other."""

import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from small_project import CONFIG, copy_project

from nnstatmech.storage.tables import read_table

TRIALS = 30
EXPERIMENT = CONFIG["experiments"]["wide"] | {"seeds": 4, "sweep": {"batch_size": [4]}}  # two shards
OTHER = CONFIG["figures"]["Wide"] | {"title": "The same table"}
SMALL = CONFIG | {"experiments": {"wide": EXPERIMENT}, "figures": {"Wide": CONFIG["figures"]["Wide"], "Other": OTHER}}
TABLE = "results/laptop-bundled/moments/wide.parquet"
REFUSAL = re.compile(
    r"another call works in this folder: host \S+, process \d+, since \S+ \(snakemake .*\); wait for it"
)


def start(project, target):
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", target, "--cores", "1"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def trial(project, undisturbed, rng, longest):
    """Two calls whose figures share a table, at a random distance; one may be killed. How each ended."""
    if rng.random() < 0.5:
        shutil.rmtree(project.folder / "results", ignore_errors=True)
    shutil.rmtree(project.folder / "figures", ignore_errors=True)
    first = start(project, "figures/Wide.png")
    time.sleep(rng.uniform(0, longest))
    second = start(project, "figures/Other.png")
    victim = rng.choice([None, None, first, second])
    if victim is not None:
        time.sleep(rng.uniform(0, longest))
        victim.send_signal(signal.SIGKILL)
    ends = []
    for call in (first, second):
        said = call.communicate()[0]
        ends.append("finished" if call.returncode == 0 else "refused" if REFUSAL.search(said) else "killed")
        assert ends[-1] != "killed" or call is victim, said
    done = project.call("figures/Wide.png", "figures/Other.png", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_table(project.folder / TABLE)[0].equals(undisturbed)
    return ends


@pytest.mark.long
def test_two_calls_at_once_lose_nothing(tmp_path):
    project = copy_project(tmp_path / "copy", SMALL)
    begin = time.monotonic()
    project.make("figures/Wide.png", "figures/Other.png", "--cores", "1")
    longest = time.monotonic() - begin
    undisturbed = read_table(project.folder / TABLE)[0]
    rng = random.Random(0)
    ends = [end for _ in range(TRIALS) for end in trial(project, undisturbed, rng, longest)]
    counts = {end: ends.count(end) for end in ("finished", "refused", "killed")}
    print(f"two calls: {counts}")
    assert counts["refused"] >= 3
    assert counts["finished"] >= TRIALS / 2
