"""The profile for schedulers other than SLURM, with a scheduler of background processes in place of PBS."""

import importlib.util
import os
import signal
import subprocess
import sys
import time

import pytest
from small_project import CONFIG, copy_project

from nnstatmech.moments.params import Propagation
from nnstatmech.planning.job_sizes import memory_to_ask, minutes_to_ask
from nnstatmech.storage.tables import read_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("snakemake_executor_plugin_cluster_generic") is None,
        reason="needs snakemake-executor-plugin-cluster-generic: pip install -e '.[cluster]'",
    ),
]

PROFILE = ("--workflow-profile", "profiles/cluster-generic", "--seconds-between-status-checks", "1")
EXPERIMENT = CONFIG["experiments"]["wide"] | {"seeds": 2, "sweep": {"batch_size": [4]}}
SMALL = CONFIG | {"experiments": {"wide": EXPERIMENT}, "figures": {"Wide": CONFIG["figures"]["Wide"]}}
TABLE = "results/laptop-bundled/moments/wide.parquet"

# PBS in a folder: <id> says what was asked for, <id>.pid and <id>.exit how the job is. The first job fails without
# running if there is a file `fail`, and jobs sleep if there is a file `hold`.
COMMANDS = {
    "qsub": """
id=$(ls "$PBS" | grep -c '^[0-9]*$')
echo "$@" > "$PBS/$id"
if [[ -e $PBS/fail ]]; then rm "$PBS/fail"; echo 1 > "$PBS/$id.exit"; echo $id; exit; fi
if [[ -e $PBS/hold ]]; then job="sleep 300"; else job="bash ${!#}"; fi
setsid bash -c "$job; echo \\$? > $PBS/$id.exit" > "$PBS/$id.log" 2>&1 < /dev/null &
echo $! > "$PBS/$id.pid"
echo $id
""",
    "qstat": """
id=${!#}
if [[ -e $PBS/$id.exit ]]; then printf 'job_state = F\\nExit_status = %s\\n' "$(cat "$PBS/$id.exit")"
else echo 'job_state = R'; fi
""",
    "qdel": """
for id; do kill -- "-$(cat "$PBS/$id.pid")"; echo 271 > "$PBS/$id.exit"; done
""",
}


@pytest.fixture
def pbs(tmp_path, monkeypatch):
    """Folder of a scheduler whose commands are first on the path."""
    commands, folder = tmp_path / "bin", tmp_path / "pbs"
    commands.mkdir()
    folder.mkdir()
    for name, text in COMMANDS.items():
        (commands / name).write_text("#!/usr/bin/env bash\n" + text)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("PBS", str(folder))
    return folder


def asked_for(pbs):
    """What each job asked for, in the order of submission."""
    return [(pbs / str(i)).read_text() for i in range(len([path for path in pbs.iterdir() if path.name.isdigit()]))]


def test_a_table_with_a_job_that_fails_once(pbs, tmp_path):
    project = copy_project(tmp_path / "copy", SMALL)
    (pbs / "fail").touch()
    project.make(TABLE, *PROFILE)
    assert read_table(project.folder / TABLE)[0].num_rows
    run, again = asked_for(pbs)  # data are prepared, and shards joined, where snakemake was called
    cost = Propagation.model_validate(EXPERIMENT["params"] | {"batch_size": 4}).cost(2)
    memory, minutes = memory_to_ask(cost), minutes_to_ask(cost)
    assert f"-N run_moments -l select=1:ncpus=1:mem={memory}mb:ngpus=0" in run
    assert f"walltime={minutes // 60}:{minutes % 60}:00" in run
    assert f"mem={2 * memory}mb" in again


def test_interrupting_cancels_the_jobs(pbs, tmp_path):
    project = copy_project(tmp_path / "copy", SMALL)
    (pbs / "hold").touch()
    controller = subprocess.Popen(
        [sys.executable, "-m", "snakemake", TABLE, *PROFILE],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        end = time.monotonic() + 60
        while not (pbs / "0.pid").exists():
            assert time.monotonic() < end
            time.sleep(0.2)
        time.sleep(1)  # until snakemake has read the job's id
        controller.send_signal(signal.SIGINT)
        assert controller.wait(timeout=60) != 0
    finally:
        controller.kill()
    assert (pbs / "0.exit").read_text().strip() == "271"
