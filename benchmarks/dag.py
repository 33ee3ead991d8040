"""CPU seconds to build the graph of jobs, for 100, 1000 and 10000 jobs: ``python benchmarks/dag.py``.

One experiment with many seeds is planned in a copy of the project by a dry run; nothing is computed.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("rules", "scripts", "workflow", "profiles", "envs")


def config(jobs: int) -> dict:
    """An experiment with ``jobs`` shards and the figure that reads it."""
    project = yaml.safe_load((ROOT / "config.yaml").read_text())
    experiment = project["experiments"]["bn_ff"] | {"seeds": jobs, "seeds_per_shard": 1}
    return project | {"experiments": {"bn_ff": experiment}, "figures": {"Fig_4": project["figures"]["Fig_4"]}}


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def dry_run(folder: Path) -> float:
    """CPU seconds of one dry run of Fig_4."""
    before = cpu_seconds_of_children()
    command = [sys.executable, "-m", "snakemake", "figures/Fig_4.png", "-n", "--quiet", "all"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return cpu_seconds_of_children() - before


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "Snakefile", folder)
        (folder / "workflow/claims.yaml").write_text("[]\n")
        for jobs in (1, 100, 1000, 10_000):
            (folder / "config.yaml").write_text(yaml.safe_dump(config(jobs)))
            print(f"{jobs:6d} jobs: {dry_run(folder):6.2f} CPU s", flush=True)


if __name__ == "__main__":
    main()
