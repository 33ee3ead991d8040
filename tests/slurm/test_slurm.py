"""The workflow on a real SLURM of one node: whole figures, retries, interruptions, GPUs, provenance.

Runs only where NNSTATMECH_SLURM=1 says so: it needs root, and the packages that ``one_node.sh install`` installs.
"""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_project import CONFIG, copy_project

from nnstatmech.moments.params import Propagation
from nnstatmech.planning.job_sizes import memory_to_ask
from nnstatmech.storage.progress import running
from nnstatmech.storage.tables import read_table

pytestmark = pytest.mark.skipif(
    os.environ.get("NNSTATMECH_SLURM") != "1",
    reason="SLURM is not tried: run tests/slurm/one_node.sh install as root, then set NNSTATMECH_SLURM=1",
)

ONE_NODE = Path(__file__).with_name("one_node.sh")
PROFILE = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3")
RUN = "results/laptop-bundled/moments/wide/batch_size=4"
TABLE = "results/laptop-bundled/moments/wide.parquet"
FIGURE = "figures/Wide.png"
WIDE = CONFIG["experiments"]["wide"] | {"seeds": 4, "seeds_per_shard": 2, "sweep": {"batch_size": [4]}}
SMALL = CONFIG | {
    "device": "auto",
    "experiments": {"wide": WIDE},
    "figures": {"Wide": CONFIG["figures"]["Wide"]},
}

# An engine that fails once while there is a file `fail`, and waits while there is a file `hold`.
TAMPERING = """

import time
from pathlib import Path

compute = run


def run(params, seeds, dataset, device, progress=no_progress):
    if Path("fail").exists():
        Path("fail").unlink()
        raise RuntimeError("a job that fails the first time")
    with progress(total=4, desc="held") as bar:
        bar.update(1)
        while Path("hold").exists():
            time.sleep(0.5)
            bar.refresh()
    return compute(params, seeds, dataset, device, progress)
"""


def wait_until(condition, seconds=120):
    """The first true answer of ``condition``."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"{condition} does not hold after {seconds} s"
        time.sleep(0.2)
    return answer


def jobs(*states):
    """Job id to (state, memory, comment) of the cluster's jobs in some states, or of all that it remembers."""
    command = ["squeue", "--noheader", "--states", ",".join(states) or "all", "--format", "%i %T %m %k"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0]: line.split(maxsplit=3)[1:] for line in lines}


def unfinished():
    return jobs("PENDING", "RUNNING", "COMPLETING")


@pytest.fixture(scope="module")
def cluster():
    """A cluster of our own with two GPUs, unless one of ours runs already."""
    if subprocess.run([ONE_NODE, "status"], capture_output=True).returncode == 0:
        yield
        return
    # Memory is counted, not confined: enough for a second attempt on small machines too.
    wanted = {"NNSTATMECH_SLURM_GPUS": "2", "NNSTATMECH_SLURM_MEMORY": "64000"}
    subprocess.run([ONE_NODE, "start"], check=True, env=os.environ | wanted)
    try:
        yield
    finally:
        subprocess.run([ONE_NODE, "stop", "--purge"], check=True)


@pytest.fixture(scope="module")
def copy(cluster, tmp_path_factory):
    """A project whose engine can be made to fail and to wait, and whose data are prepared."""
    project = copy_project(tmp_path_factory.mktemp("slurm") / "copy", SMALL)
    with (project.folder / "workflow/nnstatmech/moments/tasks/propagation.py").open("a") as engine:
        engine.write(TAMPERING)
    project.make("results/datasets/bundled/cifar10.npz", "--cores", "1")
    return project


@pytest.fixture(scope="module")
def undisturbed(copy):
    """The table as one machine makes it, without SLURM."""
    copy.make(TABLE, "--cores", "2")
    table = read_table(copy.folder / TABLE)[0]
    remove_runs(copy)
    return table


@pytest.fixture
def project(copy, undisturbed):
    """The copy before any run."""
    remove_runs(copy)
    yield copy
    for name in ("fail", "hold"):
        (copy.folder / name).unlink(missing_ok=True)
    if left := unfinished():
        subprocess.run(["scancel", *left], check=True)
        wait_until(lambda: not unfinished())


def remove_runs(project):
    """Delete what was computed, and what killed jobs last said."""
    for suffix in (".parquet", ".progress"):
        for path in project.folder.glob(f"results/laptop-bundled/moments/**/*{suffix}"):
            path.unlink()


@contextmanager
def held(project, *arguments):
    """A call of snakemake whose jobs wait; begins when the first two report progress."""
    (project.folder / "hold").touch()
    controller = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments, *PROFILE],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
        # Background processes of a shell ignore SIGINT, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        wait_until(lambda: [line for line in running(project.folder / "results") if "1/4" in line][1:])
        yield controller
    finally:
        controller.kill()
        controller.wait()
        (project.folder / "hold").unlink()


def test_a_whole_figure_and_what_its_tables_remember(project, undisturbed):
    said = project.make(FIGURE, *PROFILE)
    assert (project.folder / FIGURE).stat().st_size > 1000
    table, metadata = read_table(project.folder / TABLE)
    assert table.equals(undisturbed)
    submitted = set(re.findall(r"SLURM jobid (\d+)", said))
    shards = metadata["shards"]
    ids = [shard["slurm_job"] for shard in shards]
    assert len(set(ids)) == len(shards) == 2
    assert set(ids) <= submitted
    # Both GPUs of the node were given out at once; torch sees no CUDA in them, so that the CPU computed.
    assert {shard["gpus"] for shard in shards} == {"0", "1"}
    assert {shard["device"] for shard in shards} == {"cpu"}
    # What squeue shows: the rule, the setting, the experiment, the run and the shard.
    _, memory, comment = jobs()[ids[0]]
    assert comment == "rule_run_moments_wildcards_laptop-bundled_wide_batch_size=4_000"
    params = Propagation.model_validate(WIDE["params"] | {"batch_size": 4})
    assert memory == f"{memory_to_ask(params.cost(2))}M"


def test_a_failed_job_is_submitted_again_with_more_memory(project, undisturbed):
    before = set(jobs())
    (project.folder / "fail").touch()
    said = project.make(f"{RUN}/shard-000.parquet", *PROFILE)
    assert "a job that fails the first time" in said
    attempts = [(state, int(memory.rstrip("M"))) for job, (state, memory, _) in jobs().items() if job not in before]
    (second, more), (first, less) = sorted(attempts, key=lambda attempt: -attempt[1])
    assert (first, second) == ("FAILED", "COMPLETED")
    assert more == 2 * less


def test_interrupting_cancels_the_jobs_and_the_next_call_finishes(project, undisturbed):
    with held(project, TABLE) as controller:
        before = unfinished()
        assert len(before) == 2
        bars = "\n".join(running(project.folder / "results"))
        assert bars.count("shard-00") == 2
        assert bars.count("1/4") == 2
        controller.send_signal(signal.SIGINT)
        assert controller.wait(timeout=60) != 0
        wait_until(lambda: not unfinished(), 30)
    assert {jobs()[job][0] for job in before} == {"CANCELLED"}
    project.make(TABLE, *PROFILE)
    assert read_table(project.folder / TABLE)[0].equals(undisturbed)


def test_after_a_killed_controller_the_next_call_finishes(project, undisturbed):
    with held(project, TABLE) as controller:
        controller.kill()
        controller.wait()
        assert len(unfinished()) == 2
    project.make(TABLE, *PROFILE)
    assert read_table(project.folder / TABLE)[0].equals(undisturbed)


@pytest.mark.long
def test_a_job_that_was_cancelled_stays_cancelled_until_the_next_call(project):
    shard = f"{RUN}/shard-000.parquet"
    (project.folder / "hold").touch()
    before = set(jobs())
    log = project.folder / "said"
    with log.open("w") as said:
        command = [sys.executable, "-m", "snakemake", shard, *PROFILE]
        controller = subprocess.Popen(command, cwd=project.folder, stdout=said, stderr=said, start_new_session=True)
        wait_until(lambda: [line for line in running(project.folder / "results") if "1/4" in line])
        subprocess.run(["scancel", *unfinished()], check=True)
        (project.folder / "hold").unlink()
        assert controller.wait(timeout=240) != 0
    assert "which computed this before, was cancelled; the next call of snakemake computes it" in log.read_text()
    assert not (project.folder / shard).exists()
    states = [state for job, (state, _, _) in jobs().items() if job not in before]
    assert sorted(set(states)) == ["CANCELLED", "FAILED"]
    project.make(shard, *PROFILE)
