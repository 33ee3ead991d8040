"""What the engines of linear networks do on a GPU: agreement with the CPU, seconds, fraction of the measured peak.

    python benchmarks/gpu_linear_bnn.py

Below a minute on a GPU; without one the same at tiny sizes on the CPU, compared with itself.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch

from nnstatmech.linear_bnn import sampling
from nnstatmech.linear_bnn.posterior import Posterior
from nnstatmech.linear_bnn.regression import CubicReadoutNetwork
from nnstatmech.linear_bnn.two_classes import weight_scales

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")


def seconds(function) -> float:
    """Wall seconds of one call, everything on the device done."""
    if GPU:
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if GPU:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak() -> float:
    """FLOP/s of a large product of single-precision matrices as torch multiplies them."""
    size, times = (8192, 10) if GPU else (512, 4)
    a = torch.rand(size, size, device=DEVICE)
    a @ a
    return times * 2 * size**3 / seconds(lambda: [a @ a for _ in range(times)])


def regression(best: float) -> None:
    """Ten couplings and several realisations of 784-784-784 networks in one batch."""
    width, seeds, steps, batch = (784, 5, 300, 64) if GPU else (64, 1, 5, 8)
    couplings = [0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.5, 0.7, 0.75, 1]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(seeds, batch, width, generator=generator) / 10
    targets = torch.rand(seeds, width, batch, generator=generator) / 100
    outputs = {}
    for device in (torch.device("cpu"), DEVICE):
        small = CubicReadoutNetwork(width, width, width, couplings[:2], [0], device)
        for _ in range(5):
            small.descend(x[:1].to(device), targets[:1].to(device), 1e-3, 1e-6)
        outputs[device] = small(x[:1].to(device)).cpu()
    first, last = outputs[torch.device("cpu")], outputs[DEVICE]
    network = CubicReadoutNetwork(width, width, width, couplings, range(seeds), DEVICE)
    x, targets = x.to(DEVICE), targets.to(DEVICE)
    network.descend(x, targets, 1e-3, 1e-6)
    taken = seconds(lambda: [network.descend(x, targets, 1e-3, 1e-6) for _ in range(steps)])
    rate = steps * seeds * len(couplings) * 5 * 2 * batch * width**2 / taken
    print(
        f"regression, {seeds * len(couplings)} networks: {1e3 * taken / steps:.2f} ms a step, {rate / best:.0%} of the "
        f"peak; largest relative difference to the CPU {((last - first).abs().max() / first.abs().max()).item():.1e}"
    )


def chains() -> None:
    """A ladder of Hamiltonian Monte Carlo, all seeds in one batch: launches of small kernels bound it."""
    seeds, chains, moves = (64, 1024, 80) if GPU else (2, 64, 16)
    generator = np.random.default_rng(0)
    images = generator.standard_normal(60) + generator.standard_normal((5, 60))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    rotated, _ = sampling.rotated_inputs(images[:4], images[4])
    targets, widths = np.array([1.0, 1.0, -1.0, -1.0]), (16,)
    sigmas = weight_scales(widths, 1.5)
    networks = sampling.LinearNetworks(rotated, targets, widths, sigmas, DEVICE)
    posterior = Posterior(rotated, targets, widths, sigmas)
    streams = sampling.Streams(range(seeds), chains, "gpu", DEVICE)
    rungs: list[sampling.Rung] = []
    start, betas = networks.draw(streams), (1.0, 10.0)
    taken = seconds(
        lambda: rungs.extend(sampling.hamiltonian_monte_carlo(networks, start, betas, streams, moves=moves))
    )
    for rung in rungs:
        losses = rung.average_loss.double().cpu().numpy()
        deviation = (losses.mean() - posterior.mean_loss(rung.beta)) / (losses.std() / np.sqrt(len(losses)))
        print(f"HMC, β = {rung.beta:g}: mean loss {deviation:+.1f} standard errors from the exact one")
    moved = len(betas) * moves * 10 * seeds * chains
    rate = moved / taken / 1e6
    print(f"HMC, {seeds * chains} chains of 96 weights: {taken:.2f} s, {rate:.1f} million leapfrogs a second")


def main() -> None:
    torch.set_num_threads(1)
    print(torch.cuda.get_device_name() if GPU else "no GPU: tiny sizes on the CPU")
    best = peak()
    print(f"peak of a product of matrices: {best / 1e12:.2f} TFLOP/s (float32)")
    regression(best)
    chains()


if __name__ == "__main__":
    main()
