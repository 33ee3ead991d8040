"""What cascades cost, as ratios of CPU seconds measured in one run: ``python benchmarks/cascades.py``.

The yardstick is the original procedure written plainly: one network at a time, one Linear + tanh decoder per layer,
trained for one epoch of 60000 images in batches of 64 by Adam. An epoch is timed on a part of it and extrapolated.
One thread.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import torch
from torch import nn

from nnstatmech.cascades.decoders.cascade import fit_cascade, reconstruct
from nnstatmech.cascades.decoders.ridge import Ridge
from nnstatmech.cascades.decoders.trained import Adam
from nnstatmech.cascades.networks import initial_parameters, wide_body

EPOCH = 60000
BATCH = 64


def cpu_seconds(function, *arguments) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def images(count: int, units: int) -> torch.Tensor:
    """Images (1, count, units) with some structure: smooth sums of few random patterns."""
    generator = torch.Generator().manual_seed(0)
    weights, patterns = torch.rand(count, 20, generator=generator), torch.rand(20, units, generator=generator)
    return (weights @ patterns / 10).clamp(0, 1)[None]


def original_loop(units: int, depth: int, presented: int) -> None:
    """One network: forward through all layers batch by batch, one optimiser step for every layer's decoder."""
    layers, decoders = [], []
    for _ in range(depth):
        linear = nn.Linear(units, units)
        nn.init.normal_(linear.weight, std=(1.7 / units) ** 0.5)
        nn.init.normal_(linear.bias, std=0.05**0.5)
        layers.append(nn.Sequential(linear, nn.Tanh()))
        decoders.append(nn.Sequential(nn.Linear(units, units), nn.Tanh()))
    optimisers = [torch.optim.Adam(decoder.parameters()) for decoder in decoders]
    loss_function = nn.MSELoss()
    for batch in images(presented, units)[0].split(BATCH):
        activation = batch
        for layer, decoder, optimiser in zip(layers, decoders, optimisers, strict=True):
            with torch.no_grad():
                after = layer(activation)
            optimiser.zero_grad()
            loss_function(decoder(after), activation).backward()
            optimiser.step()
            activation = after


def batched(units: int, depth: int, members: int, method, train: int) -> None:
    """All networks at once, with the cascade of 100 images from the last layer."""
    layers = wide_body(units, depth)
    variances, seeds = torch.linspace(0.5, 4, members).tolist(), [0] * members

    def parameters(position):
        return initial_parameters(layers[position], position, variances, 0.05, seeds)

    data = images(train, units)
    reconstruct(*fit_cascade(layers, parameters, method, data, data[:, :100], [depth]))


def warm_up() -> None:
    """Let PyTorch load what its first calls load."""
    original_loop(20, 1, BATCH)
    batched(20, 1, 2, Adam((0, 0), BATCH), BATCH)
    batched(20, 1, 2, Ridge(1e-3), BATCH)


def ridge_against_loop() -> None:
    units, depth, presented = 784, 3, 40 * BATCH
    loop = cpu_seconds(original_loop, units, depth, presented) / depth * EPOCH / presented
    ridge = cpu_seconds(batched, units, depth, 2, Ridge(1e-3), 2048) / (2 * depth)
    print(f"N = 784, CPU seconds per network and layer: loop, one epoch {loop:.2f}; ridge {ridge:.3f}")
    print(f"  ridge is {loop / ridge:.0f} times as fast")


def adam_against_loop() -> None:
    units, depth, members, presented = 100, 3, 20, 100 * BATCH
    method = Adam((0,) * members, presented)
    loop = min(cpu_seconds(original_loop, units, depth, presented) for _ in range(3)) / depth
    together = min(cpu_seconds(batched, units, depth, members, method, presented) for _ in range(3)) / depth / members
    print(
        f"N = 100, CPU seconds per network and layer, {presented} images: loop {loop:.3f}; batched Adam {together:.3f}"
    )
    print(f"  batched Adam is {loop / together:.1f} times as fast")


def scaling() -> None:
    """Cost of the ridge pipeline when one size is doubled; 2.0 is linear."""
    base = {"units": 196, "depth": 12, "members": 6, "train": 2048}

    def cost(**changes):
        sizes = base | changes
        return cpu_seconds(batched, sizes["units"], sizes["depth"], sizes["members"], Ridge(1e-3), sizes["train"])

    cost()
    reference = min(cost() for _ in range(3))
    for name in ("depth", "members", "train"):
        doubled = min(cost(**{name: 2 * base[name]}) for _ in range(3))
        print(f"N = 196, twice as large {name}: {doubled / reference:.2f} times the cost")


def main() -> None:
    torch.set_num_threads(1)
    warm_up()
    ridge_against_loop()
    adam_against_loop()
    scaling()


if __name__ == "__main__":
    main()
