"""CPU seconds of the laptop figures of cascades at the sizes of an earlier commit, there and here, in one run.

    python benchmarks/cascades_commits.py [--short] PATH_OF_A_CHECKOUT_OF_f3099da [experiment ...]

Every job of that commit's laptop scale is computed by the engines of both checkouts, one thread, one process each, on
the same images (the stand-ins that come with scikit-learn) and the same seeds; jobs that one job can hold today are
computed together. Imports are not counted. With ``--short`` networks have a fifth of the layers, or training of the
steps. Prints CPU seconds and their ratio for every experiment, and how far values differ.
"""

import importlib
import pickle
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parents[1]


def grid(first: float, last: float, step: float) -> list[float]:
    """Values from ``first`` to ``last``, as the configuration writes them."""
    return [round(first + step * place, 9) for place in range(round((last - first) / step) + 1)]


MAP = {"resolution": 14, "depth": 100, "evaluated_depths": 34, "weight_variances": grid(0.1, 4, 0.1)}
LAW = MAP | {"evaluated_depths": 50, "weight_variances": [0.7, 1.0, 1.2, 1.3, 2.5, 3.0, 4.0]}
ADAM = LAW | {"decoder": "adam", "presentations": 30000, "train_images": 60000, "depth": 32, "evaluated_depths": 32}
CONVOLUTIONS = {"bias_variance": 2e-5, "train_images": 512, "settling_tolerance": 0.01, "resolution": 28}
CNN = CONVOLUTIONS | {"architecture": "cnn", "depth": 62, "channels": 16, "evaluated_depths": 31}
RESNET = CONVOLUTIONS | {"architecture": "resnet", "depth": 22, "channels": 8, "evaluated_depths": 22}
FALLING = {
    "resolution": 12,
    "bias_variance": 0.05,
    "start_variance": 1.7,
    "variance_step": 0.2,
    "lowest_variance": 0.1,
    "highest_variance": 4.0,
    "start_depth": 90,
    "depth_step": 5,
    "threshold": 0.27,
    "epochs": 20,
    "batch_size": 64,
    "learning_rate": 0.003,
    "momentum": 0.9,
    "tanh_output": False,
    "train_images": 3000,
    "test_images": 500,
}
SCHEME = {"train_images": 20000, "presentations": 60000, "decoder_presentations": 40000}

# A fifth of what a task's time is proportional to.
SHORT = {
    "entropies": lambda settings: {
        "depth": settings["depth"] // 5,
        "evaluated_depths": settings["evaluated_depths"] // 5,
    },
    "classification": lambda settings: {"steps": settings["steps"] // 5},
    "trainability": lambda settings: {"depths": [depth // 5 for depth in settings["depths"]]},
    "falling": lambda settings: {"start_depth": 40, "epochs": settings["epochs"] // 5},
    "reconstruction": lambda settings: dict.fromkeys(("presentations", "decoder_presentations"), 12000),
    "channels": lambda settings: {"steps": 96, "decoder_steps": 32},
}

# Experiment to its jobs: task, data set, settings and seeds of each.
JOBS = {
    "if_map": [
        ("entropies", "mnist", MAP | {"ridge_strength": strength}, [seed])
        for seed in (0, 1)
        for strength in (1e-3, 1e-2)
    ],
    "if_cutoff_law": [
        *[("entropies", "mnist", LAW | {"ridge_strength": 10.0**-power}, [0, 1]) for power in range(1, 6)],
        ("entropies", "mnist", ADAM | {"weight_variances": [0.7, 1.0]}, [0, 1]),
    ],
    "if_cnn": [
        ("entropies", "mnist", CNN | {"weight_variances": variances}, [0])
        for variances in ([0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1], [1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0])
    ],
    "if_resnet": [
        ("entropies", "fashion_mnist", RESNET | {"weight_variances": variances}, [0])
        for variances in ([0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8], [1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0])
    ],
    "if_resnet_training": [
        (
            "classification",
            "fashion_mnist",
            {
                "architecture": "resnet",
                "depth": 22,
                "channels": 8,
                "steps": 160,
                "learning_rate": 0.01,
                "weight_variances": [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.2, 2.0, 4.0],
                "test_images": 500,
            },
            [0],
        )
    ],
    "if_trainability": [
        (
            "trainability",
            "mnist",
            {
                "resolution": 10,
                "depths": [5, 10, 20, 30, 40, 50, 60],
                "weight_variances": grid(0.5, 4, 0.25),
                "steps": 200,
                "measure_every": 50,
                "test_images": 1000,
            },
            [seed],
        )
        for seed in (0, 1)
    ],
    "if_falling": [
        ("falling", "cifar10", FALLING | {"direction": direction}, [0]) for direction in ("falling", "rising")
    ],
    "if_scheme": [
        ("reconstruction", "mnist", SCHEME | {"architecture": "wide", "depth": 3, "shown_images": 1}, [0]),
    ],
    "if_reconstruction": [
        ("reconstruction", "mnist", SCHEME | {"architecture": "shrinking", "depth": 10}, [seed]) for seed in (0, 1)
    ],
    "if_channels": [
        (
            "channels",
            "cifar10",
            {"layers": [16, 16, "M", 32, 32, "M", 64, 64, "M"], "strongest": {2: 8, 5: 8, 8: 64}},
            [0],
        )
    ],
}


def stand_ins(folder: Path) -> None:
    """Write the images that both checkouts see."""
    sys.path.insert(0, str(HERE / "workflow"))
    import nnstatmech

    for name in ("mnist", "fashion_mnist", "cifar10"):
        data = nnstatmech.images(name)
        names = ("train_images", "train_labels", "test_images", "test_labels")
        np.savez(folder / f"{name}.npz", **{part: getattr(data, part) for part in names})


def compute(checkout: str, name: str, folder: str, short: bool) -> None:
    """Run the jobs of one experiment with the engines of one checkout; writes seconds and tables."""
    sys.path.insert(0, str(Path(checkout) / "workflow"))
    import torch

    torch.set_num_threads(1)
    datasets = importlib.import_module("nnstatmech.datasets")
    models = importlib.import_module("nnstatmech.cascades.params")
    tasks = "tasks" if (Path(checkout) / "workflow/nnstatmech/cascades/tasks").exists() else "experiments"
    seconds, tables = 0.0, []
    for (task, data, seeds), jobs in groupby(JOBS[name], lambda job: (job[0], job[1], job[3])):
        engine = importlib.import_module(f"nnstatmech.cascades.{tasks}.{task}")
        cut = SHORT[task] if short else lambda settings: {}
        runs = [getattr(models, task.capitalize())(**settings | cut(settings)) for _, _, settings, _ in jobs]
        parts = dict(np.load(Path(folder) / f"{data}.npz"))
        dataset = datasets.Dataset(data, **parts, description=data, stand_in=True)
        start = time.process_time()
        if hasattr(engine, "run_together"):
            found = engine.run_together(runs, seeds, dataset, torch.device("cpu"))
        else:
            found = [engine.run(params, seeds, dataset, torch.device("cpu")) for params in runs]
        seconds += time.process_time() - start
        tables += [table.to_pandas() for table in found]
    label = "here" if Path(checkout) == HERE else "there"
    (Path(folder) / f"{name}-{label}.pickle").write_bytes(pickle.dumps((seconds, tables)))


def difference(there: list[pd.DataFrame], here: list[pd.DataFrame]) -> str:
    """How far values differ that both tables hold, by quantity: the share of them, and the largest difference."""
    notes: dict[str, list[np.ndarray]] = {}
    for old, new in zip(there, here, strict=True):
        keys = [name for name in old.columns if name in new.columns and name not in ("value", "pixels")]
        joined = old.merge(new, on=keys, suffixes=("_old", "_new"), how="left")
        for quantity, rows in joined.groupby("quantity", observed=True):
            pair = rows[["value_old", "value_new"]].to_numpy(float)
            notes.setdefault(str(quantity), []).append(pair[np.isfinite(pair).all(1)])
    found = {name: np.concatenate(pairs) for name, pairs in notes.items()}
    largest = {name: np.abs(np.diff(pair, axis=1)).max(initial=0) for name, pair in found.items() if len(pair)}
    return ", ".join(f"{name} {value:.1e}" for name, value in largest.items())


def main() -> None:
    arguments = sys.argv[1:]
    short = "--short" in arguments
    other, *wanted = [argument for argument in arguments if argument != "--short"]
    totals = np.zeros(2)
    with tempfile.TemporaryDirectory() as folder:
        stand_ins(Path(folder))
        for name in wanted or JOBS:
            found = []
            for checkout, label in ((other, "there"), (str(HERE), "here")):
                call = f"import sys; sys.argv = ['']; sys.path.insert(0, {str(HERE / 'benchmarks')!r}); "
                call += f"import cascades_commits as c; c.compute({checkout!r}, {name!r}, {folder!r}, {short})"
                subprocess.run([sys.executable, "-c", call], check=True, cwd=folder)
                found.append(pickle.loads((Path(folder) / f"{name}-{label}.pickle").read_bytes()))
            (before, there), (after, here) = found
            totals += before, after
            print(f"{name:20} {before:7.1f} {after:7.1f} CPU s, ratio {after / before:.2f}", flush=True)
            print(f"    largest differences: {difference(there, here)}", flush=True)
    print(f"{'all':20} {totals[0]:7.1f} {totals[1]:7.1f} CPU s, ratio {totals[1] / totals[0]:.2f}")


if __name__ == "__main__":
    main()
