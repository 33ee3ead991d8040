"""Cascades on a GPU, ``python benchmarks/gpu_cascades.py``: agreement with the CPU, seconds, share of the card's peak.

Every engine computes one small table on both devices; what differs is rounding. Then it computes one table of a size
that fills a card, and its products of matrices are counted: full float32 (no TF32), against the rate of one large
product on the same card. Less than a minute on a GPU; without one only the small sizes run, on the CPU.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch

from nnstatmech.cascades.params import Classification, Entropies, Falling, Scores, Trainability
from nnstatmech.cascades.precision import full_precision
from nnstatmech.cascades.tasks import classification, entropies, falling, scores, trainability
from nnstatmech.datasets import Dataset
from nnstatmech.parameters import Parameters

CPU = torch.device("cpu")
FEW, MANY = [1.0, 2.0], [0.5 + 0.1 * step for step in range(32)]


def images(train: int = 4096, test: int = 500, side: int = 28) -> Dataset:
    """Ten smooth patterns with noise."""
    stream = np.random.default_rng(0)
    coarse = stream.uniform(40, 216, size=(10, 7, 7)).repeat(4, 1).repeat(4, 2)[:, :side, :side]
    labels = np.arange(train + test) % 10
    pixels = (
        (coarse[labels] + stream.normal(0, 40, (train + test, side, side))).clip(0, 255).astype(np.uint8)[..., None]
    )
    return Dataset("mnist", pixels[:train], labels[:train], pixels[train:], labels[train:], "patterns", True)


# Name to engine, a small size for both devices, a large one for the GPU, and its floating-point operations.
Case = tuple[Callable, Parameters, Parameters, float]


def cases() -> dict[str, Case]:
    wide = {"train_images": 2048, "resolution": 28, "weight_variances": MANY}
    ridge = Entropies(depth=40, evaluated_depths=10, memory=32, **wide)
    adam = Entropies(depth=6, evaluated_depths=6, decoder="adam", presentations=60000, memory=32, **wide)
    convolutional = {"architecture": "cnn", "bias_variance": 2e-5, "resolution": 28, "channels": 32, "memory": 32}
    cnn = Entropies(depth=12, evaluated_depths=6, train_images=512, weight_variances=MANY, **convolutional)
    large = Trainability(resolution=28, depths=[40], weight_variances=MANY, steps=100, measure_every=100)
    walk = Falling(resolution=28, start_depth=40, train_images=4096, epochs=1, threshold=1.0, depth_step=20)
    networks = len(MANY)
    units = 28**2
    small = {"resolution": 10, "weight_variances": FEW, "train_images": 500}
    conv_small = small | {"architecture": "cnn", "channels": 4, "bias_variance": 2e-5}
    return {
        "entropies, ridge": (
            entropies.run,
            Entropies(depth=6, **small),
            ridge,
            networks * 40 * (6 * 2048 * units**2 + 2 * 100 * 5 * units**2 + 5 * units**3),
        ),
        "entropies, Adam": (
            entropies.run,
            Entropies(depth=3, decoder="adam", presentations=2000, **small),
            adam,
            networks * 6 * 60000 * 4 * units**2,
        ),
        "entropies, convolutions": (
            entropies.run,
            Entropies(depth=6, **conv_small),
            cnn,
            networks * 12 * 512 * 49 * 2 * 9 * 32 * (9 * 32 + 2 * 32),
        ),
        "trainability": (
            trainability.run,
            Trainability(depths=[10], weight_variances=FEW, steps=20, measure_every=20),
            large,
            networks * 40 * 6 * 100 * 64 * units**2,
        ),
        "falling": (
            falling.run,
            Falling(
                resolution=10, start_depth=10, train_images=1000, epochs=1, highest_variance=2.0, lowest_variance=1.6
            ),
            walk,
            float("nan"),
        ),
        "classification": (
            classification.run,
            Classification(depth=6, resolution=14, channels=4, weight_variances=FEW, steps=20, test_images=500),
            Classification(depth=12, channels=32, weight_variances=MANY[:16], steps=50),
            16 * 50 * 64 * 3 * 24 * 49 * 2 * 9 * 32**2,
        ),
        "scores": (scores.run, Scores(depths=[4, 8], weight_variances=FEW), Scores(depths=[10]), float("nan")),
    }


def seconds_of(compute: Callable) -> tuple[object, float]:
    """What a function gives back, and how long it took."""
    torch.cuda.synchronize() if torch.cuda.is_available() else None
    start = time.perf_counter()
    found = compute()
    torch.cuda.synchronize() if torch.cuda.is_available() else None
    return found, time.perf_counter() - start


def peak(device: torch.device) -> float:
    """Floating-point operations a second of one large product in full float32."""
    side = 8192 if device.type == "cuda" else 1024
    a = torch.rand(side, side, device=device)
    with full_precision():
        a @ a
        _, seconds = seconds_of(lambda: [a @ a for _ in range(5)])
    return 5 * 2 * side**3 / seconds


def difference(first, second) -> str:
    """Largest difference of the values of each quantity, where both tables have one."""
    pair = [table.to_pandas() for table in (first, second)]
    assert len(pair[0]) == len(pair[1])
    apart = (pair[0]["value"] - pair[1]["value"]).abs().groupby(pair[0]["quantity"].astype(str)).max().dropna()
    return ", ".join(f"{name} {value:.0e}" for name, value in apart.items())


def main() -> None:
    torch.set_num_threads(1)
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    most = peak(device)
    print(f"{torch.cuda.get_device_name() if gpu else 'CPU'}: {most / 1e12:.2f} TFLOP/s in one large float32 product")
    dataset = images()
    for name, (run, small, large, operations) in cases().items():
        here, on_cpu = seconds_of(lambda run=run, small=small: run(small, [0, 1], dataset, CPU))
        there, _ = seconds_of(lambda run=run, small=small: run(small, [0, 1], dataset, device))
        print(
            f"{name}: {on_cpu:.1f} s on the CPU at the small size; differences: {difference(here, there)}", flush=True
        )
        if gpu:
            torch.cuda.reset_peak_memory_stats()
            _, seconds = seconds_of(lambda run=run, large=large: run(large, [0], dataset, device))
            held = torch.cuda.max_memory_allocated() / 1e9
            print(
                f"  large: {seconds:.1f} s, {operations / seconds / 1e12:.2f} TFLOP/s, "
                f"{operations / seconds / most:.0%} of the product's rate, {held:.1f} GB held",
                flush=True,
            )


if __name__ == "__main__":
    main()
