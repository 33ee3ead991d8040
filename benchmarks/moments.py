"""CPU seconds per realisation of the moments engine beside a plain PyTorch version, on one thread.

    python benchmarks/moments.py [A B ...]

For each configuration: our CPU seconds, those of one realisation at a time with separate passes for signal and noise
and effective ranks by singular value decomposition, their ratio, the ratio to the published TensorFlow
implementation (its seconds were measured once, on one AVX-512 core of an AMD EPYC: another machine shifts that
column), the fraction of the convolution (or matrix product) speed that this machine shows in the same minute, and
the peak memory of the process. Then the growth of the cost with depth and realisations.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch
import torch.nn.functional as F

from nnstatmech.datasets import Dataset
from nnstatmech.moments.convolutions import BLOCK_BYTES, images_per_block
from nnstatmech.moments.inputs import batches
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.tasks.propagation import run

CPU = torch.device("cpu")
LONG_ENOUGH = 8.0  # CPU seconds: the median is taken over as many runs as fit
SIDE = 16  # of the feature maps of 32 x 32 images


@dataclass(frozen=True)
class Case:
    """A configuration, how many realisations to time, and the seconds of the published implementation."""

    params: Propagation
    realisations: int
    published: float


def case(realisations, published, architecture, width, depth, batch_size, measurements, ranks, **more):
    params = Propagation(
        architecture=architecture,
        width=width,
        depth=depth,
        batch_size=batch_size,
        measurements=measurements,
        effective_ranks=ranks,
        **more,
    )
    return Case(params, realisations, published)


CASES = {
    "A": case(3, 5.22, "vanilla", 32, 100, 64, 50, "signal"),
    "B": case(2, 7.51, "bn_ff", 64, 50, 64, 25, "signal_and_noise"),
    "C": case(8, 2.39, "bn_ff", 512, 200, 64, 100, "signal_and_noise", kernel_size=1),
    "D": case(3, 2.70, "vanilla", 32, 200, 64, 4, "none"),
    "G": case(2, 6.21, "bn_res", 64, 50, 64, 10, "signal_and_noise"),
    "H": case(4, 1.03, "vanilla", 128, 200, 1024, 4, "none", kernel_size=1),
    "E0": case(1, 13.5, "vanilla", 512, 10, 64, 5, "none"),
    "F": case(1, 18.1, "bn_ff", 512, 10, 64, 5, "signal_and_noise"),
    "I": case(1, 39.2, "vanilla", 128, 20, 1024, 4, "none"),
}


def random_images(count=2000):
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Dataset("cifar10", images, None, images[:0], None, "random pixels", stand_in=True)


# --- the plain version ----------------------------------------------------------------------------------------------


def plain_convolution(tensor, weights, stride=1):
    """Periodic convolution of (images, channels, height, width), padded in front."""
    k = weights.shape[-1]
    return F.conv2d(F.pad(tensor, (k - 1, 0, k - 1, 0), mode="circular") if k > 1 else tensor, weights, stride=stride)


def plain_rank(tensor):
    rows = tensor.transpose(0, 1).flatten(1).T
    variances = torch.linalg.svdvals(rows - rows.mean(0)) ** 2
    return float(variances.sum() / variances[0])


def plain_moments(signal, noise, log_noise, ranks):
    mean = signal.mean((0, 2, 3), keepdim=True)
    found = [
        signal.abs().mean(),
        signal.pow(2).mean(),
        (signal - mean).pow(2).mean(),
        (signal - mean).pow(4).mean(),
        noise.pow(2).mean().log() + log_noise,
    ]
    tensors = {"none": (), "signal": (signal,), "signal_and_noise": (signal, noise)}[ranks]
    return [float(x) for x in found] + [plain_rank(tensor) for tensor in tensors]


def plain_batch_norm(signal, noise, epsilon):
    variance, mean = torch.var_mean(signal, (0, 2, 3), keepdim=True, correction=0)
    std = (variance + epsilon).sqrt()
    return (signal - mean) / std, noise / std


def plain_relu(signal, noise):
    return signal.clamp_min(0), noise * (signal > 0)


@torch.inference_mode()
def plain_realisation(params, batch):
    """One realisation, layer after layer, every quantity by its definition."""
    k, width, ranks = params.kernel_size, params.width, params.effective_ranks
    signal, noise = (torch.from_numpy(x).permute(0, 3, 1, 2).contiguous() for x in batch)
    channels = signal.shape[1]
    weights = torch.randn(width, channels, k, k) / (channels * k * k) ** 0.5
    signal, noise = (plain_convolution(x, weights, 1 if k == 1 else 2) for x in (signal, noise))
    every, log_noise, results = params.depth // params.measurements, 0.0, []

    def hidden(pair):
        weights = torch.randn(width, width, k, k) * (2 / (width * k * k)) ** 0.5
        return tuple(plain_convolution(x, weights) for x in pair)

    for layer in range(1, params.depth + 1):
        locations = [(signal, noise)]
        if params.architecture == "bn_res":
            branch = signal, noise
            for _ in range(params.residual_depth):
                normalised = plain_batch_norm(*branch, params.epsilon)
                active = plain_relu(*normalised)
                branch = hidden(active)
                locations += [normalised, active, branch] if len(locations) == 1 else []
            signal, noise = signal + branch[0], noise + branch[1]
        else:
            locations.append(hidden((signal, noise)))
            if params.architecture == "bn_ff":
                locations.append(plain_batch_norm(*locations[-1], params.epsilon))
            signal, noise = plain_relu(*locations[-1])
        locations.append((signal, noise))
        if layer % every == 0:
            rank_at = 2 if params.architecture == "bn_res" else len(locations) - 1
            results.append(
                [plain_moments(*pair, log_noise, ranks if i == rank_at else "none") for i, pair in enumerate(locations)]
            )
        square = noise.pow(2).mean()
        noise, log_noise = noise / square.sqrt(), log_noise + float(square.log())
    return results


# --- timing ---------------------------------------------------------------------------------------------------------


def cpu_seconds(function, *args):
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def ours(params, realisations):
    run(params, range(realisations), random_images(), CPU)


def plain(params, realisations):
    for batch in batches(random_images(), params, range(realisations)):
        plain_realisation(params, batch)


def floating_point_operations(params):
    """Multiplications and additions of the convolutions of one realisation, signal and noise."""
    layers = params.depth * (params.residual_depth if params.architecture == "bn_res" else 1)
    positions = 1 if params.kernel_size == 1 else SIDE**2
    return 4 * layers * params.batch_size * positions * params.kernel_size**2 * params.width**2


def machine_speed(params):
    """Operations per second of the bare convolution (matrix product, if fully connected) in this configuration."""
    k, width, rows = params.kernel_size, params.width, 2 * params.batch_size
    if k == 1:
        inputs, weights = torch.randn(rows, width), torch.randn(width, width)
        call, work = (lambda: inputs @ weights), 2 * rows * width**2
    else:
        rows = 2 * images_per_block(params.batch_size, 2 * SIDE**2 * width * 4, CPU)
        inputs = torch.randn(rows, SIDE + k - 1, SIDE + k - 1, width).permute(0, 3, 1, 2)
        weights = torch.randn(width, k, k, width).permute(0, 3, 1, 2)
        call, work = (lambda: F.conv2d(inputs, weights)), 2 * rows * SIDE**2 * k * k * width**2
    call()
    return work / min(cpu_seconds(call) for _ in range(5))


def measure(name, which):
    """In a fresh process: seconds per realisation, peak memory in MB, speed of the machine before and after."""
    torch.set_num_threads(1)
    params, count = CASES[name].params, CASES[name].realisations
    function = {"ours": ours, "plain": plain}[which]
    function(params.model_copy(update={"depth": 2, "measurements": 1}), 1)  # first calls load libraries
    speeds = [machine_speed(params)]
    seconds = [cpu_seconds(function, params, count) / count]
    while sum(seconds) * count < LONG_ENOUGH:
        seconds.append(cpu_seconds(function, params, count) / count)
    speeds.append(machine_speed(params))
    return float(np.median(seconds)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, float(np.mean(speeds))


def in_fresh_process(*args):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *args).result()


def print_table(names):
    print(f"blocks of at most {BLOCK_BYTES['cpu'] >> 20} MB, one thread, torch {torch.__version__}")
    print("case  ours/s  plain/s  ratio  vs published  GF/s  peak GF/s  fraction  ours MB  plain MB")
    for name in names:
        seconds, memory, speed = in_fresh_process(name, "ours")
        plain_seconds, plain_memory, _ = in_fresh_process(name, "plain")
        rate = floating_point_operations(CASES[name].params) / seconds
        print(
            f"{name:4} {seconds:7.3f} {plain_seconds:8.3f} {plain_seconds / seconds:6.1f} "
            f"{CASES[name].published / seconds:12.1f} {rate / 1e9:7.0f} {speed / 1e9:9.0f} {rate / speed:9.2f} "
            f"{memory:8.0f} {plain_memory:9.0f}",
            flush=True,
        )


def print_growth():
    """Cost against depth and number of realisations, relative to the first entry: linear is 1, 2, 4."""
    torch.set_num_threads(1)
    params = CASES["B"].params
    ours(params.model_copy(update={"depth": 2, "measurements": 1}), 1)
    depths = [
        cpu_seconds(ours, params.model_copy(update={"depth": depth, "measurements": depth // 2}), 1)
        for depth in (20, 40, 80)
    ]
    counts = [
        cpu_seconds(ours, params.model_copy(update={"depth": 20, "measurements": 10}), count) for count in (1, 2, 4)
    ]
    print("depth 20, 40, 80:", ", ".join(f"{x / depths[0]:.2f}" for x in depths))
    print("realisations 1, 2, 4:", ", ".join(f"{x / counts[0]:.2f}" for x in counts))


if __name__ == "__main__":
    print_table(sys.argv[1:] or list(CASES))
    print_growth()
