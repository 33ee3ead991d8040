"""CPU seconds of today's code and of an earlier commit, run by run in turn: ``python benchmarks/compare.py COMMIT``.

The commit is checked out in a temporary folder. An experiment is computed whole by Snakemake in one tree, then in the
other, on one core, so that both meet the same machine; what is compared is the CPU time of its jobs, imports and
writing included. Where ``benchmarks/COMMIT.yaml`` is there, it gives today's tree the sizes and seeds of that commit.
Only experiments of which both trees plan the same runs are compared: others are named and left out.

    python benchmarks/compare.py f3099da --family message_passing
    python benchmarks/compare.py HEAD~3 --experiment bn_ff --experiment vanilla --repetitions 3
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Names that parameters had before: what is planned under either is the same.
RENAMED = {"rule": "algorithm", "learner": "algorithm"}

# What a tree plans at laptop scale, as JSON: experiment to family, seeds and the parameters of its runs. The first
# works from the layers of settings of today; the second, of commits before them, from one config.yaml.
PLAN_OF_LAYERS = """
import json, sys
from pathlib import Path
from nnstatmech.planning.layers import read_layers
from nnstatmech.planning.plan import Plan
plan = Plan.of(read_layers([Path("config.yaml"), *map(Path, sys.argv[1:])], {}, ""), "laptop")
"""
PLAN_OF_ONE_FILE = """
import json, yaml
from nnstatmech.plan import Plan
from nnstatmech.settings import read_settings
plan = Plan(read_settings(yaml.safe_load(open("config.yaml")), "laptop"))
"""
PRINT_PLAN = """
print(json.dumps({
    name: {
        "family": entry.family,
        "seeds": entry.seeds,
        "runs": [run.params | {"dataset": run.dataset} for run in plan.runs[name].values()],
    }
    for name, entry in plan.settings.experiments.items()
}))
"""


@dataclass(frozen=True)
class Tree:
    """A checkout, and the files of settings that its calls are given."""

    folder: Path
    configfiles: tuple[Path, ...] = ()

    @property
    def has_layers(self) -> bool:
        return (self.folder / "workflow/nnstatmech/planning").is_dir()

    def plan(self) -> dict[str, dict]:
        """Experiment to its family, seeds and runs."""
        code = (PLAN_OF_LAYERS if self.has_layers else PLAN_OF_ONE_FILE) + PRINT_PLAN
        environment = os.environ | {"PYTHONPATH": str(self.folder / "workflow")}
        command = [sys.executable, "-c", code, *map(str, self.configfiles)]
        done = subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def call(self, target: str, folder: Path) -> float:
        """CPU seconds of a call of Snakemake that makes ``target`` in ``folder``, its jobs included."""
        command = [sys.executable, "-m", "snakemake", target, "-s", str(self.folder / "Snakefile"), "-d", str(folder)]
        command += ["--cores", "1", "--workflow-profile", "none", "--nolock", "--quiet", "all"]
        if self.configfiles:
            command += ["--configfile", *map(str, self.configfiles)]
        before = cpu_seconds_of_children()
        done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{self.folder}: {target} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return cpu_seconds_of_children() - before

    def seconds(self, family: str, experiment: str, folder: Path) -> float:
        """CPU seconds of the jobs that make the table of an experiment, its data set being there."""
        shutil.rmtree(folder / "results/laptop-bundled", ignore_errors=True)
        table = f"results/laptop-bundled/{family}/{experiment}.parquet"
        whole = self.call(table, folder)
        return whole - self.call(table, folder)  # the second call finds nothing to do but to read its rules


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def checkout(commit: str, folder: Path) -> Iterator[Path]:
    """The files of a commit in ``folder``, while the block runs."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", "--force", str(folder), commit], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True, capture_output=True)


def differences(before: dict, now: dict) -> str:
    """How what two trees plan for an experiment differs; empty where it does not.

    Parameters that only one of the trees has count as left at what they are without them.
    """
    if before["seeds"] != now["seeds"]:
        return f"{before['seeds']} and {now['seeds']} seeds"
    former = [{RENAMED.get(name, name): value for name, value in run.items()} for run in before["runs"]]
    shared = {name for run in former for name in run} & {name for run in now["runs"] for name in run}
    one, other = (
        sorted(json.dumps({name: run.get(name) for name in shared}, sort_keys=True) for run in runs)
        for runs in (former, now["runs"])
    )
    return "" if one == other else "other parameters"


def compared(before: dict, now: dict, families: list[str], experiments: list[str]) -> list[str]:
    """Names of the experiments to compute; the others are said, with the reason."""
    chosen = []
    for name, entry in before.items():
        if (families and entry["family"] not in families) or (experiments and name not in experiments):
            continue
        reason = differences(entry, now[name]) if name in now else "it is not there any more"
        if reason:
            print(f"{name}: left out ({reason})")
        else:
            chosen.append(name)
    return chosen


def compare(trees: list[Tree], plan: dict, names: list[str], repetitions: int, scratch: Path) -> None:
    """Compute every experiment in both trees in turn and print the CPU seconds and their ratio."""
    folders = [scratch / "before", scratch / "now"]
    for tree, folder in zip(trees, folders, strict=True):
        for dataset in sorted({run["dataset"] for name in names for run in plan[name]["runs"]} - {None}):
            tree.call(f"results/datasets/bundled/{dataset}.npz", folder)
    print(f"{'':34s}{'before':>9s}{'now':>9s}{'ratio':>7s}")
    totals: dict[str, list[float]] = {}
    for name in names:
        family = plan[name]["family"]
        spent = [0.0, 0.0]
        for _ in range(repetitions):
            for index, (tree, folder) in enumerate(zip(trees, folders, strict=True)):
                spent[index] += tree.seconds(family, name, folder) / repetitions
        print(line(f"{family} {name}", spent), flush=True)
        total = totals.setdefault(family, [0.0, 0.0])
        total[:] = [whole + part for whole, part in zip(total, spent, strict=True)]
    for family, spent in totals.items():
        print(line(family, spent))


def line(name: str, spent: list[float]) -> str:
    before, now = spent
    return f"{name:34s}{before:9.1f}{now:9.1f}{now / before:7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU seconds of an earlier commit and of today's code, and the ratio.")
    parser.add_argument("commit", help="the earlier commit")
    parser.add_argument("--family", action="append", default=[], help="only this family; may be given more than once")
    parser.add_argument("--experiment", action="append", default=[], help="only this experiment; may be given again")
    parser.add_argument("--repetitions", type=int, default=1, help="how often each is computed in each tree")
    given = parser.parse_args()
    sizes = ROOT / "benchmarks" / f"{given.commit}.yaml"
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        with checkout(given.commit, scratch / "tree") as folder:
            trees = [Tree(folder), Tree(ROOT, (sizes,) if sizes.is_file() else ())]
            before, now = (tree.plan() for tree in trees)
            names = compared(before, now, given.family, given.experiment)
            compare(trees, before, names, given.repetitions, scratch)


if __name__ == "__main__":
    main()
