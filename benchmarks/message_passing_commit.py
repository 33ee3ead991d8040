"""Epochs of message passing here against those of another checkout of this project, as ratios of CPU seconds.

    git worktree add ../before f3099da
    python benchmarks/message_passing_commit.py ../before               # about two CPU-minutes
    python benchmarks/message_passing_commit.py ../before --epochs 12 --rules amp

A 784-101-101-1 network on 60 000 random images, batches of 128; a process each, in turn, its compilation counted. What
is timed is what an epoch does: choosing the images, the mini-batches, nothing of the evaluation.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
IMAGES, BATCH = 60_000, 128
RULES = {
    "amp": ("amp", {}),
    "series": ("bpi", {"series_order": 3, "switch_ratio": 0.0}),
    "mf": ("mf", {}),
    "sparse": ("bpi", {"density": 0.1}),
}


def measure(rule: str, epochs: int, batches: int) -> None:
    """Print the CPU seconds of some epochs of the package that is on the path."""
    import torch

    from nnstatmech.message_passing.learning import Learner, LearningSettings
    from nnstatmech.message_passing.network import build_network

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(IMAGES, 784, generator=generator)
    labels = torch.randn(IMAGES, generator=generator).sign()
    algorithm, options = RULES[rule]
    network = build_network([784, 101, 101, 1], algorithm, [0], **options)
    learner = Learner(network, LearningSettings(rho=[1.0001, 1.0001, 0.9], damping=0.8))
    step = getattr(learner, "learn_batch", learner.train_batch)
    start = time.process_time()
    for _ in range(epochs):
        order = torch.randperm(IMAGES, generator=generator)
        for rows in order.split(BATCH)[:batches]:
            step(images.index_select(0, rows)[None], labels.index_select(0, rows)[None])
    print(time.process_time() - start)


def seconds(root: Path, rule: str, epochs: int, batches: int) -> float:
    """CPU seconds of a process of its own that takes the package from ``root``."""
    command = [sys.executable, __file__, "--measure", rule, "--epochs", str(epochs), "--batches", str(batches)]
    environment = os.environ | {"PYTHONPATH": str(root / "workflow")}
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, nargs="?", help="folder of the other checkout")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batches", type=int, default=IMAGES // BATCH, help="mini-batches an epoch")
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    parser.add_argument("--measure", choices=RULES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.epochs, options.batches)
        return
    if options.before is None:
        parser.error("name the folder of another checkout")
    for rule in options.rules:
        before, now = (seconds(root, rule, options.epochs, options.batches) for root in (options.before, HERE))
        print(f"{rule:7s} before {before:6.2f} CPU-s, now {now:6.2f}: {before / now:.2f} x faster", flush=True)


if __name__ == "__main__":
    main()
