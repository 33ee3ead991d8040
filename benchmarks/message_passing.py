"""What makes message passing fast, as ratios measured in one run on one thread.

    python benchmarks/message_passing.py           # about 60 CPU-s, plus some 20 where the compiler's cache is cold

The network is the papers' 784-101-101-1 on random ±1-labelled Gaussian images; times are CPU seconds (the smallest of
several repetitions), scaled to an epoch of 60 000 images.
"""

import ctypes
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from nnstatmech.message_passing import kernels, loops
from nnstatmech.message_passing.baselines import BinaryNet
from nnstatmech.message_passing.channels import sign
from nnstatmech.message_passing.kernels import EdgeCoefficients
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network

WIDTHS = [784, 101, 101, 1]
IMAGES = 60_000


def seconds(work: Callable[[], object], repetitions: int = 5) -> float:
    """CPU seconds of the fastest of several calls, after one that warms up."""
    work()
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def batches(count: int, size: int, replicas: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(replicas, size, WIDTHS[0], generator=generator),
            torch.randn(replicas, size, generator=generator).sign(),
        )
        for _ in range(count)
    ]


def epoch_seconds(trainer, size: int, count: int) -> float:
    """CPU seconds an epoch and replica, from ``count`` mini-batches."""
    replicas = len(trainer.decisions()[0])
    data = batches(count, size, replicas)

    def work():
        for inputs, labels in data:
            trainer.train_batch(inputs, labels)

    return seconds(work, repetitions=3) / count * (IMAGES / size) / replicas


def learner(algorithm: str, replicas: int = 1, **options) -> Learner:
    network = build_network(WIDTHS, algorithm, list(range(replicas)), **options)
    return Learner(network, LearningSettings(rho=[1.0001, 1.0001, 0.9], damping=0.8))


def eager(work: Callable[[], object]) -> Callable[[], object]:
    """The same work with the compiled loops switched off."""

    def run():
        kept, loops.serve = loops.serve, lambda *tensors: False
        try:
            return work()
        finally:
            loops.serve = kept

    return run


def edge_kernel() -> None:
    """One layer's sums over edges: compiled, eagerly in chunks that fit the cache, and with every edge stored."""
    x, _ = batches(1, 128)[0]
    weights = build_network(WIDTHS, "bpi", [0]).layers[0].weights
    x, m, variance = x[0], weights.mean[0], weights.variance[0]
    omega, spread = x @ m.T, (x * x) @ variance.T
    field = torch.randn(omega.shape, generator=torch.Generator().manual_seed(1))
    coefficients = EdgeCoefficients.of(field, spread)

    def stored() -> torch.Tensor:
        return sign.score(field.unsqueeze(-1), omega.unsqueeze(-1) - m * x.unsqueeze(1), spread.unsqueeze(-1))

    forms = {
        "H_in": (kernels.bpi_field_in, lambda: (stored() * x.unsqueeze(1)).sum(0)),
        "B": (kernels.bpi_field_down, lambda: (stored() * m).sum(1)),
    }
    edges = x.shape[0] * m.numel()
    for name, (kernel, plain) in forms.items():

        def work(kernel=kernel):
            return kernel(x, m, omega, coefficients)

        fused, chunked, whole = seconds(work), seconds(eager(work), 3), seconds(plain, 2)
        difference = float((work() - plain()).abs().max() / plain().abs().max())
        print(
            f"edge kernel {name:4s} ({kernels.status()}): {1e9 * fused / edges:5.2f} ns an edge; eager edge by edge "
            f"{1e9 * whole / edges:5.1f} ns ({whole / fused:.0f} x), in chunks {1e9 * chunked / edges:5.1f} ns "
            f"({chunked / fused:.0f} x); largest relative difference {difference:.1e}"
        )


def peak_memory_mb(size: int, compiled: bool) -> float:
    """Growth of the resident set's high-water mark during a batch of ``size``, after two that warm up (Linux)."""
    torch.set_num_threads(1)
    bpi, data = learner("bpi"), batches(1, size)[0]
    run = (lambda work: work) if compiled else eager
    for _ in range(2):  # the first one compiles
        run(lambda: bpi.train_batch(*data))()
    ctypes.CDLL(None).malloc_trim(0)  # what they freed goes back to the system and counts again
    Path("/proc/self/clear_refs").write_text("5")
    before = status_mb("VmRSS")
    run(lambda: bpi.train_batch(*data))()
    return status_mb("VmHWM") - before


def status_mb(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {key}")


def memory() -> None:
    """A process each, so that no memory is left over from the work before."""
    if not Path("/proc/self/clear_refs").exists():
        print("memory of BPI: needs Linux's /proc/self/clear_refs")
        return
    for size in (128, 1024):
        peaks = []
        for compiled in (True, False):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                peaks.append(pool.submit(peak_memory_mb, size, compiled).result())
        edges = size * WIDTHS[0] * WIDTHS[1] * 4 / 2**20
        print(
            f"memory of BPI at one sweep, batch {size:4d}: peak {peaks[0]:5.1f} MB fused, {peaks[1]:5.1f} MB eager; "
            f"one tensor of the first layer's edges would be {edges:5.1f} MB"
        )


def epochs() -> None:
    exact = epoch_seconds(learner("bpi"), 128, 5)
    slow = eager(lambda: epoch_seconds(learner("bpi"), 128, 1))()
    series = epoch_seconds(learner("bpi", series_order=3, switch_ratio=0.0), 128, 40)
    amp = epoch_seconds(learner("amp"), 128, 40)
    mean_field = epoch_seconds(learner("mf"), 128, 40)
    descent = epoch_seconds(BinaryNet(WIDTHS, [0]), 128, 80)
    print(f"epoch at batch 128: BPI eager {slow:6.1f} CPU-s, fused {exact:5.2f} ({slow / exact:.1f} x faster)")
    print(f"    series of third order {series:5.2f} CPU-s: {slow / series:.0f} x faster than eager")
    print(f"    AMP {amp:5.2f} CPU-s, mean field {mean_field:5.2f}, binarised SGD {descent:5.2f}")
    print(f"    AMP / binarised SGD {amp / descent:.2f}")


def sizes() -> None:
    for size, count in ((1, 300), (16, 100), (1024, 8)):
        parts = [f"epoch at batch {size:4d}:"]
        for name, options in (("amp", {}), ("bpi", {"series_order": 3, "switch_ratio": 0.0}), ("mf", {})):
            parts.append(f"{name} {epoch_seconds(learner(name, **options), size, count):6.2f}")
        parts.append(f"SGD {epoch_seconds(BinaryNet(WIDTHS, [0]), size, count):6.2f} CPU-s")
        print("  ".join(parts))


def replicas() -> None:
    for size, count in ((1, 200), (128, 20)):
        alone = epoch_seconds(learner("amp"), size, count)
        together = epoch_seconds(learner("amp", replicas=8), size, count)
        print(f"8 replicas together at batch {size}: {together:.2f} CPU-s an epoch and replica, alone {alone:.2f}")


def main() -> None:
    torch.set_num_threads(1)
    edge_kernel()
    epochs()
    memory()
    sizes()
    replicas()
    print(f"{time.process_time():.0f} CPU-s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
