"""A small copy of the project with experiments of seconds, for tests that run Snakemake itself."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "rules", "scripts", "workflow", "profiles", "envs")

CONFIG = {
    "scale": "laptop",
    "data": "bundled",
    "data_dir": "data",
    "device": "cpu",
    "experiments": {
        "wide": {
            "family": "moments",
            "dataset": "cifar10",
            "seeds": {"laptop": 4, "paper": 6},
            "seeds_per_shard": 2,
            "batched": [],
            "params": {"architecture": "vanilla", "depth": 4, "width": 8, "measurements": 2, "kernel_size": 1},
            "sweep": {"batch_size": [4, 6]},
        },
        "deep": {
            "family": "moments",
            "dataset": "cifar10",
            "seeds": 2,
            "params": {"architecture": "bn_ff", "depth": 6, "width": 8, "measurements": 2, "batch_size": 4},
        },
        "untrained": {
            "family": "linear_bnn",
            "task": "untrained",
            "dataset": "cifar10",
            "seeds": 2,
            "params": {"temperatures": [1], "width": 10},
        },
    },
    "figures": {
        "Wide": {
            "family": "moments",
            "draw": "tiny.wide",
            "experiments": {"main": "wide"},
            "title": "Wide",
            "caption": "A caption of the wide figure.",
        },
        "Deep": {
            "family": "moments",
            "draw": "tiny.deep",
            "experiments": {"main": "deep", "other": "untrained"},
            "title": "Deep",
            "caption": "A caption of the deep figure.",
        },
    },
}

FIGURES = '''"""Figures of the tests."""

import matplotlib.pyplot as plt


def axes_of(frame, colour):
    figure, axes = plt.subplots()
    axes.plot(frame["value"].to_numpy(), color=colour)
    return figure


def wide(main, *, scale):
    return axes_of(main, "C0")


def deep(main, other, *, scale):
    return axes_of(main, "C1")
'''

MEASURES = '''


def mean_of(table, *, quantity):
    """The mean of a quantity over all rows."""
    from nnstatmech.readings import Measurement

    values = table.loc[table["quantity"] == quantity, "value"]
    return Measurement(values.mean(), values.sem())
'''

CLAIM = {
    "id": "tiny",
    "source": "the tests",
    "figure": "Wide",
    "statement": "the mean is near one",
    "experiment": "wide",
    "measure": "mean_of",
    "arguments": {"quantity": "nu2_signal"},
    "expected": 1.0,
    "allowance": 100.0,
    "rival": 1e6,
}


@cache
def forking_process() -> subprocess.Popen:
    """The process that has imported Snakemake; it ends with this one."""
    command = [sys.executable, str(ROOT / "tests/forking.py")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def call_snakemake(arguments: list[str], folder: Path, timeout: int) -> subprocess.CompletedProcess:
    """What ``python -m snakemake`` does in a folder, without the time of its imports."""
    with tempfile.TemporaryDirectory() as streams:
        call = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": os.environ | {"OMP_NUM_THREADS": "1"},
            "timeout": timeout,
            **{name: f"{streams}/{name}" for name in ("stdout", "stderr")},
        }
        process = forking_process()
        print(json.dumps(call), file=process.stdin, flush=True)
        status = int(process.stdout.readline())
        said = [Path(call[name]).read_text(encoding="utf-8") for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess(["snakemake", *arguments], status, *said)


@dataclass
class Project:
    """A copy of the project in a folder of its own."""

    folder: Path

    def call(self, *arguments, timeout=600) -> subprocess.CompletedProcess:
        """Run snakemake in the copy."""
        return call_snakemake([*map(str, arguments)], self.folder, timeout)

    def make(self, *arguments) -> str:
        """Run snakemake, which must succeed; what it printed."""
        done = self.call(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def fail(self, *arguments) -> str:
        """Run snakemake, which must fail; what it printed."""
        done = self.call(*arguments)
        assert done.returncode != 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def plan(self, *arguments) -> list[str]:
        """What a dry run would do: the sorted messages of its jobs."""
        output = self.make(*arguments, "--dry-run", "--quiet", "host")
        return sorted(set(re.findall(r"^Job \d+: (.+)$", output, re.MULTILINE)))

    def configure(self, config: dict) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def copy_project(folder: Path, config: dict = CONFIG) -> Project:
    """Copy the project to ``folder``, with small experiments, two figures and one claim instead of its own."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    package = folder / "workflow/nnstatmech"
    for path in package.glob("*/*.yaml"):
        if path.name in ("experiments.yaml", "figures.yaml", "claims.yaml"):
            path.unlink()
    (package / "moments/figures/tiny.py").write_text(FIGURES)
    with (package / "moments/measures.py").open("a") as measures:
        measures.write(MEASURES)
    (package / "moments/claims.yaml").write_text(yaml.safe_dump([CLAIM]))
    project = Project(folder)
    project.configure(config)
    return project
