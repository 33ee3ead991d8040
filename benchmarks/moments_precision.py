"""What rounding the noise to bfloat16 does to log chi, and what it saves.

    python benchmarks/moments_precision.py [--realisations 64] [--width 64] [--depth 200]

Realisations with the same images, noise and weights, once in single precision and once with the noise and its weights
rounded to bfloat16 in every convolution: the mean paired shift of log chi with its standard error, beside the standard
error that as many realisations leave to log chi itself, and the ratio of CPU seconds. The signal is the same to the
last bit.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch
from moments import random_images
from tqdm import tqdm

from nnstatmech.moments.params import Propagation
from nnstatmech.moments.tasks.propagation import run

CPU = torch.device("cpu")


def log_chi(params, seed, images):
    """log chi at the output of the measured depths, and CPU seconds."""
    start = time.process_time()
    table = run(params, [seed], images, CPU).to_pandas()
    taken = time.process_time() - start
    rows = table[(table["location"] == "output") & (table["quantity"] == "log_chi")]
    return rows.set_index("depth")["value"], taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="bn_ff")
    parser.add_argument("--realisations", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--depth", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    exact = Propagation(
        architecture=arguments.architecture,
        width=arguments.width,
        batch_size=arguments.batch_size,
        depth=arguments.depth,
        measurements=10,
        effective_ranks="none",
    )
    rounded = exact.model_copy(update={"noise_precision": "bfloat16"})
    images = random_images()
    values, seconds = [], []
    for seed in tqdm(range(arguments.realisations), mininterval=5):
        pairs = [log_chi(params, seed, images) for params in (exact, rounded)]
        values.append([pair[0] for pair in pairs])
        seconds.append([pair[1] for pair in pairs])
    values = np.array(values)  # (realisations, 2, depths)
    shifts = values[:, 1] - values[:, 0]
    root = np.sqrt(arguments.realisations)
    print("depth  log chi  its error  mean paired shift  its error  largest")
    for i, depth in enumerate(pairs[0][0].index):
        print(
            f"{depth:5} {values[:, 0, i].mean():8.3f} {values[:, 0, i].std(ddof=1) / root:10.4f}"
            f" {shifts[:, i].mean():18.5f} {shifts[:, i].std(ddof=1) / root:10.5f} {np.abs(shifts[:, i]).max():8.3f}"
        )
    print(f"CPU seconds, bfloat16 over float32: {np.median([b / a for a, b in seconds]):.2f}")


if __name__ == "__main__":
    main()
