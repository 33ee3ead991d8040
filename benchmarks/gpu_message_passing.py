"""Message passing on a GPU: agreement with the CPU, seconds an epoch, and the fraction of the card's peak.

    python benchmarks/gpu_message_passing.py               # under a minute; tiny sizes where there is no GPU

The network is the papers' 784-101-101-1 on random ±1-labelled Gaussian images. Peak: the rate of a large product of
single-precision matrices on the same card; a step's rate counts its matrix products alone.
"""

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from nnstatmech.devices import choose_device, describe
from nnstatmech.message_passing import kernels
from nnstatmech.message_passing.graphs import CapturedStep
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network

WIDTHS = [784, 101, 101, 1]
IMAGES = 60_000
RULES = {
    "amp": {"algorithm": "amp"},
    "series": {"algorithm": "bpi", "series_order": 3, "switch_ratio": 0.0},
    "bpi": {"algorithm": "bpi"},
    "mf": {"algorithm": "mf"},
}
PRODUCTS = {"amp": 2, "series": 4, "bpi": 0, "mf": 1}  # matrix products of a backward pass, for H_in and for B


def learner(rule: str, replicas: int, device: torch.device, **options) -> Learner:
    network = build_network(WIDTHS, seeds=list(range(replicas)), device=device, **RULES[rule], **options)
    return Learner(network, LearningSettings(rho=[1.0001, 1.0001, 0.9], damping=0.8))


def images(replicas: int, size: int, device: torch.device, batches: int = 4) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(replicas, size, WIDTHS[0], generator=generator).to(device),
            torch.randn(replicas, size, generator=generator).sign().to(device),
        )
        for _ in range(batches)
    ]


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_flops(device: torch.device, size: int) -> float:
    """Operations a second of a product of two square matrices."""
    a = torch.randn(size, size, device=device)
    a @ a
    wait(device)
    start = time.perf_counter()
    for _ in range(5):
        a @ a
    wait(device)
    return 10 * size**3 / (time.perf_counter() - start)


def agreement(rule: str, device: torch.device, size: int, **options) -> float:
    """Largest difference of a mean weight from the CPU's after four mini-batches (weights lie in [−1, 1])."""
    means = []
    for where in (torch.device("cpu"), device):
        trainer = learner(rule, 2, where, **options)
        for inputs, labels in images(2, size, where):
            trainer.learn_batch(inputs, labels)
        means.append([layer.weights.mean.cpu() for layer in trainer.network.layers])
    return max(float((one - other).abs().max()) for one, other in zip(*means, strict=True))


def seconds_a_batch(rule: str, replicas: int, size: int, device: torch.device, count: int) -> float:
    """Wall time of a mini-batch, by a captured graph on a GPU; the mean of ``count``."""
    trainer = learner(rule, replicas, device)
    step = CapturedStep(trainer.learn_batch, trainer.state)
    data = images(replicas, size, device)
    for inputs, labels in data:
        step(inputs, labels)
    wait(device)
    start = time.perf_counter()
    for number in range(count):
        step(*data[number % len(data)])
    wait(device)
    seconds = (time.perf_counter() - start) / count
    step.free()
    return seconds


def operations(rule: str, replicas: int, size: int) -> float:
    """Multiplications and additions of the matrix products of a step."""
    forward = [2, 2, 2]
    total = 0
    for layer, (fan_in, fan_out) in enumerate(pairwise(WIDTHS)):
        backward = PRODUCTS[rule] * (1 if layer == 0 else 2)
        total += (forward[layer] + backward) * 2 * size * fan_in * fan_out
    return replicas * total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    device = choose_device(parser.parse_args().device)
    torch.set_num_threads(1)
    is_gpu = device.type == "cuda"
    start = time.perf_counter()
    peak = peak_flops(device, 8192 if is_gpu else 512)
    print(f"{describe(device)}, torch {torch.__version__}: peak {peak / 1e12:.2f} TFLOP/s in single precision")
    for rule in RULES:
        dense, sparse = agreement(rule, device, 128), agreement(rule, device, 128, density=0.1)
        print(f"{rule:6s} largest difference of a mean weight from the CPU's: {dense:.1e}, at density 0.1 {sparse:.1e}")
    print(f"exact kernel: {kernels.status()}")
    sizes = ((1, 128), (1, 1024), (16, 128), (64, 1024)) if is_gpu else ((1, 16), (2, 16))
    for rule in RULES:
        for replicas, size in sizes:
            seconds = seconds_a_batch(rule, replicas, size, device, 50 if is_gpu else 3)
            epoch = seconds * (IMAGES // size) / replicas
            line = f"{rule:6s} {replicas:3d} networks, batch {size:4d}: {epoch:8.4f} s an epoch and network"
            if PRODUCTS[rule]:
                line += f", {operations(rule, replicas, size) / seconds / peak:6.1%} of the peak"
            print(line)
    if is_gpu:
        exact = seconds_a_batch("amp", 64, 1024, device, 50)
        torch.backends.cuda.matmul.allow_tf32 = True
        difference = agreement("amp", device, 128)
        rounded = seconds_a_batch("amp", 64, 1024, device, 50)
        torch.backends.cuda.matmul.allow_tf32 = False
        print(f"amp with TF32: {exact / rounded:.2f} x faster, largest difference {difference:.1e}")
        print(f"memory: {torch.cuda.max_memory_allocated(device) / 1e9:.2f} GB at most")
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
