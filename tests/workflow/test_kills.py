"""Jobs and controllers killed at random moments: the next call finishes with an undisturbed run's numbers.

Two copies of a small project are disturbed side by side. In each cycle everything is deleted, a call is
started, one process is killed with SIGKILL at a random moment, and the next call must finish the work.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from small_project import CONFIG, copy_project

from nnstatmech.storage.tables import read_table

KILLS = 100
WORKERS = 2
PATIENCE = 30  # tenths of a second that a killer waits for a job
EXPERIMENT = CONFIG["experiments"]["wide"] | {"seeds": 4, "sweep": {"batch_size": [4]}}  # two shards
SMALL = CONFIG | {"experiments": {"wide": EXPERIMENT}, "figures": {"Wide": CONFIG["figures"]["Wide"]}}
TABLE = "results/laptop-bundled/moments/wide.parquet"


def start(project):
    """Start making the table in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", TABLE, "--cores", "2", "--quiet", "all"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def jobs_of(controller):
    """Processes that run a script of the workflow for this controller."""
    try:
        children = psutil.Process(controller.pid).children(recursive=True)
        return [child for child in children if "scripts/" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def kill_something(controller, victim):
    """Kill a job or the controller; False if there was nothing to kill."""
    if controller.poll() is not None:
        return False
    if victim == "controller":
        controller.kill()
        return True
    for _ in range(PATIENCE):  # between two jobs there is none
        if jobs := jobs_of(controller):
            random.choice(jobs).kill()
            return True
        time.sleep(0.1)
    return False


def wait_for_orphans(controller):
    """End what a killed controller left running, as a machine that goes down would."""
    try:
        os.killpg(controller.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def disturb(project, undisturbed, longest, kills, rng):
    """Kill until ``kills`` kills have hit; each must be followed by a call that finishes with the same table."""
    hits = Counter()
    while hits.total() < kills:
        shutil.rmtree(project.folder / "results", ignore_errors=True)
        victim = rng.choice(["job", "controller"])
        # Half of the controller's jobs go on as orphans beside the next call, half end with it.
        orphans_end = rng.random() < 0.5
        controller = start(project)
        time.sleep(rng.uniform(0, longest))
        hit = kill_something(controller, victim)
        if victim == "controller" and orphans_end:
            wait_for_orphans(controller)
        controller.wait()
        done = project.call(TABLE, "--cores", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        assert read_table(project.folder / TABLE)[0].equals(undisturbed)
        leftovers = list(project.folder.glob("results/**/.*.part"))
        wait_for_orphans(controller)
        assert hit is False or victim == "controller" or not leftovers, leftovers
        hits[victim] += hit
        print(f"{project.folder.name}: {dict(hits)}", flush=True)
    return hits


@pytest.mark.long
def test_a_hundred_kills_change_nothing(tmp_path):
    projects = [copy_project(tmp_path / f"copy{i}", SMALL) for i in range(WORKERS)]
    begin = time.monotonic()
    for project in projects:
        project.make(TABLE, "--cores", "2")
    longest = (time.monotonic() - begin) / WORKERS
    tables = [read_table(project.folder / TABLE)[0] for project in projects]
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [
            pool.submit(disturb, project, table, longest, KILLS // WORKERS, random.Random(i))
            for i, (project, table) in enumerate(zip(projects, tables, strict=True))
        ]
        hits = sum((future.result() for future in futures), Counter())
    print(f"kills: {dict(hits)}")
    assert hits.total() >= KILLS
    assert min(hits.values()) > KILLS // 10
