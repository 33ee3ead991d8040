"""What makes the learning tasks of linear networks fast: ratios of CPU seconds on one thread, measured in one run.

python benchmarks/linear_bnn_learning.py
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import torch

from nnstatmech.linear_bnn.classifier import FrozenReadoutClassifier
from nnstatmech.linear_bnn.path_pruning import keep_strongest
from nnstatmech.linear_bnn.regression import CubicReadoutNetwork

PIXELS, STEPS = 784, 40


def cpu_seconds(function, repetitions: int = 1) -> float:
    """CPU seconds of one call, after a call to warm up."""
    function()
    start = time.process_time()
    for _ in range(repetitions):
        function()
    return (time.process_time() - start) / repetitions


def classifier_steps() -> tuple[float, float]:
    """Full network with automatic differentiation, and the reduced dynamics, for the same steps."""
    x = torch.rand(32, PIXELS)
    labels = torch.randint(10, (32,))
    reduced = FrozenReadoutClassifier.draw(PIXELS, PIXELS, 10, [0])
    layers = torch.nn.Sequential(*(torch.nn.Linear(PIXELS, PIXELS, bias=False) for _ in range(2)))
    readout = reduced.readout[0]
    optimiser = torch.optim.SGD(layers.parameters(), lr=0.01)

    def differentiate():
        for _ in range(STEPS):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(layers(x) @ readout, labels).backward()
            optimiser.step()

    one_hot = torch.nn.functional.one_hot(labels, 10).float()

    def reduce():
        for _ in range(STEPS):
            reduced.descend(x[None], one_hot[None], 0.01)

    return cpu_seconds(differentiate), cpu_seconds(reduce)


def regression_steps(couplings: int = 6) -> tuple[float, float]:
    """One network after the other with automatic differentiation, and all couplings side by side."""
    x, targets = torch.rand(64, PIXELS) / 4, torch.rand(PIXELS, 64) / 100
    values = [0.1 * i for i in range(couplings)]

    def differentiate():
        for g in values:
            layers = torch.nn.Sequential(*(torch.nn.Linear(PIXELS, PIXELS, bias=False) for _ in range(2)))
            optimiser = torch.optim.SGD(layers.parameters(), lr=1e-3, weight_decay=2e-6)
            for _ in range(STEPS // 4):
                optimiser.zero_grad()
                z = layers(x)
                (z + g * z**3 - targets.T).square().sum(1).mean().backward()
                optimiser.step()

    network = CubicReadoutNetwork(PIXELS, PIXELS, PIXELS, values, [0])

    def side_by_side():
        for _ in range(STEPS // 4):
            network.descend(x[None], targets[None], 1e-3, 1e-6)

    return cpu_seconds(differentiate), cpu_seconds(side_by_side)


def strongest_currents() -> tuple[float, float]:
    """Sorting all currents of a layer, and selecting the threshold only."""
    currents = torch.randn(64, 64, 64)

    def sort():
        order = currents.abs().argsort(-1, descending=True)
        kept = torch.zeros_like(currents)
        kept.scatter_(-1, order[..., :16], currents.gather(-1, order[..., :16]))

    return cpu_seconds(sort, 5), cpu_seconds(lambda: keep_strongest(currents, 16), 5)


def main() -> None:
    torch.set_num_threads(1)
    for name, measure in (
        ("classifier: reduced dynamics against automatic differentiation", classifier_steps),
        ("regression: couplings side by side against one by one", regression_steps),
        ("path pruning: threshold against sorting", strongest_currents),
    ):
        plain, ours = measure()
        print(f"{name}: {plain:.3f} s / {ours:.3f} s = {plain / ours:.1f}")


if __name__ == "__main__":
    main()
