"""The moments engine on a GPU beside the CPU: agreement, seconds, and the fraction of the card's single-precision peak.

    python benchmarks/gpu_moments.py           # under a minute on a GPU; without one tiny sizes on the CPU

Weights are drawn on the CPU and copied for the comparison of numbers, because the two devices draw different ones from
one seed; quantities of the first layers then agree up to rounding. Seconds are those of the engine as jobs run it,
after a warm-up, with weights drawn on the device. The peak is that of a large product of matrices in the same run.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch

from nnstatmech.datasets import Dataset
from nnstatmech.moments.convolutions import convolve, convolve_together
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate
from nnstatmech.moments.sizes import goes_alone, realisations_at_once
from nnstatmech.moments.tasks.propagation import run

CPU = torch.device("cpu")
SIDE = 32
# Rounding of single precision, times what a layer's sums and ten batch-normalised layers make of it.
TOLERANCE = 2e-3
TINY = {"width": 16, "batch_size": 8, "depth": 4, "measurements": 4}


def case(realisations, architecture, width, batch_size, depth, measurements, ranks="signal_and_noise", **more):
    """A configuration and how many realisations are timed."""
    sizes = {"width": width, "batch_size": batch_size, "depth": depth, "measurements": measurements}
    return Propagation(architecture=architecture, effective_ranks=ranks, **sizes, **more), realisations


CASES = {
    "convolutional, paper": case(2, "bn_ff", 512, 64, 50, 25),
    "convolutional, paper, TF32": case(2, "bn_ff", 512, 64, 50, 25, tf32=True),
    "convolutional, laptop": case(32, "bn_ff", 128, 16, 50, 25),
    "convolutional, narrow": case(128, "vanilla", 64, 8, 50, 2, "none"),
    "resnet, paper": case(1, "bn_res", 512, 64, 25, 5),
    "connected, gram": case(200, "bn_ff", 512, 64, 50, 25, kernel_size=1),
    "connected, drawn": case(64, "bn_ff", 512, 512, 50, 25, kernel_size=1),
}


class CopiedWeights:
    """Weights drawn on the CPU, for any device."""

    def __init__(self, seeds):
        self.source = GaussianWeights(seeds, CPU)

    def fill(self, out, std):
        drawn = torch.empty(out.shape)
        self.source.fill(drawn, std)
        out.copy_(drawn)


def random_images(count=600):
    images = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    return Dataset("cifar10", images, None, images[:0], None, "random pixels", stand_in=True)


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(function, device):
    synchronise(device)
    start = time.perf_counter()
    function()
    synchronise(device)
    return time.perf_counter() - start


def peak(device, size):
    """Operations per second of a product of ``size`` x ``size`` matrices, TF32 off."""
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = torch.randn(2, size, size, device=device)
    a @ b
    return 2 * size**3 / min(seconds(lambda: a @ b, device) for _ in range(3))


def floating_point_operations(params):
    """Multiplications and additions with weights of one realisation, signal and noise."""
    positions = 1 if params.kernel_size == 1 else (SIDE // 2) ** 2
    return 4 * params.layers * params.batch_size * positions * params.kernel_size**2 * params.width**2


def compare(params, device):
    """Largest relative deviation of any quantity between the devices over ten layers, and which quantity it is."""
    update = {"width": min(params.width, 64), "batch_size": 16, "depth": 10, "measurements": 10, "gradients": False}
    small = params.model_copy(update=update | {"weights": "drawn" if params.kernel_size == 1 else "auto"})
    generator = torch.Generator().manual_seed(1)
    count = 1 if goes_alone(params, (SIDE, SIDE, 3), device) else 3
    shape = (count, small.batch_size, *((1, 1, 300) if small.kernel_size == 1 else (SIDE, SIDE, 3)))
    signal, noise = (torch.randn(shape, generator=generator) for _ in range(2))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=params.tf32):
        ours, reference = (
            propagate(small, signal.to(where), noise.to(where), CopiedWeights(range(count))) for where in (device, CPU)
        )
    deviations = {
        " ".join(key): float(((ours[key].cpu() - values).abs() / values.abs().clamp_min(1.0)).max())
        for key, values in reference.items()
    }
    worst = max(deviations, key=deviations.__getitem__)
    return deviations[worst], worst


def convolution_speeds(params, realisations, device):
    """Operations per second of the bare convolution of one layer: the library's, in two layouts, and by products."""
    k, width, side = params.kernel_size, params.width, SIDE // 2 + params.kernel_size - 1
    shape = realisations, 2 * params.batch_size, side, side, width
    images, kernels = torch.randn(shape, device=device), torch.randn(realisations, width, k, k, width, device=device)
    planes = [x[0].permute(0, 3, 1, 2).contiguous() for x in (images, kernels)]
    work = floating_point_operations(params) / params.layers
    calls = {
        "library, channels last": (lambda: convolve(images[0], kernels[0]), 1),
        "library, planes": (lambda: torch.nn.functional.conv2d(*planes), 1),
        f"products, {realisations} together": (lambda: convolve_together(images, kernels), realisations),
    }
    speeds = {}
    for name, (call, count) in calls.items():
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            call()
            repeated = 5 if device.type == "cuda" else 1
            taken = seconds(lambda call=call, n=repeated: [call() for _ in range(n)], device) / repeated
        speeds[name] = count * work / taken
    return speeds


def main():
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else "CPU, tiny sizes"
    top = peak(device, 8192 if on_gpu else 512)
    print(f"{name}, torch {torch.__version__}, {top / 1e12:.2f} TFLOP/s in a product of matrices", flush=True)
    print(
        "case                         at once  s/realisation  TFLOP/s  of peak  MiB    largest deviation from the CPU"
    )
    images = random_images()
    failed = False
    for label, (params, realisations) in CASES.items():
        if not on_gpu:
            params, realisations = params.model_copy(update=TINY), 2
        deviation, quantity = compare(params, device)
        failed |= deviation > TOLERANCE and not params.tf32
        shape = images.train_images.shape[1:]
        at_once = min(realisations, realisations_at_once(params, shape, device))
        warm_up = params.model_copy(update={"depth": 2, "measurements": 1})
        run(warm_up, range(at_once), images, device)
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        taken = seconds(lambda params=params, count=realisations: run(params, range(count), images, device), device)
        each = taken / realisations
        rate = floating_point_operations(params) / each
        memory = torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else float("nan")
        alone = "" if at_once > 1 or not goes_alone(params, shape, device) else " (alone)"
        print(
            f"{label:28} {str(at_once) + alone:>12} {each:9.4f} {rate / 1e12:8.2f} {rate / top:8.2f} {memory:6.0f}"
            f"    {deviation:.1e} ({quantity})",
            flush=True,
        )
    for label, together in (("convolutional, paper", 2), ("convolutional, laptop", 32), ("convolutional, narrow", 128)):
        params = CASES[label][0] if on_gpu else CASES[label][0].model_copy(update=TINY)
        for name, speed in convolution_speeds(params, together if on_gpu else 2, device).items():
            print(f"one layer, {label}: {name}: {speed / 1e12:.2f} TFLOP/s, {speed / top:.2f} of peak", flush=True)
    if failed:
        sys.exit(f"a quantity deviates by more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
