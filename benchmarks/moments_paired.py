"""How strongly realisations that share images and noise resemble each other: the test of an input pipeline on MNIST.

    NNSTATMECH_DATA_DIR=data python benchmarks/moments_paired.py        # about five CPU-minutes

Simulation i of every published experiment on MNIST used the same images and the same noise (`image_stream: published`),
with weights of its own. Here two runs share them in the same way: the correlation over realisations of the moments of z
at l = 2 is what ours and the published simulations have if the pipelines agree, and zero if they do not, as for shifted
indices. The last columns (``--values``) are ours, to be set beside simulations published elsewhere.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import real_data
import torch
from tqdm import tqdm

from nnstatmech.moments.inputs import batches
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate

PARAMS = Propagation(
    architecture="bn_ff", depth=2, measurements=1, width=512, batch_size=64, effective_ranks="none",
    image_stream="published",
)  # fmt: skip
QUANTITIES = ("mu4_signal", "nu1_abs_signal")
OTHER_WEIGHTS = 1_000_000  # added to the seeds of the second run's weights


def simulated(dataset, realisations, first_weights):
    """Moments of z at l = 2 of each simulation: (quantities, realisations)."""
    values = []
    seeds = range(realisations)
    for seed, batch in zip(tqdm(seeds, mininterval=2), batches(dataset, PARAMS, seeds), strict=True):
        signal, noise = (torch.from_numpy(tensor)[None] for tensor in batch)
        weights = GaussianWeights([first_weights + seed], torch.device("cpu"))
        moments = propagate(PARAMS, signal, noise, weights)
        values.append([moments["normalised", name].item() for name in QUANTITIES])
    return np.array(values).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mapping", default="official", help="mapping of config.yaml that holds mnist")
    parser.add_argument("--realisations", type=int, default=100)
    parser.add_argument("--values", action="store_true", help="print every simulation")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = real_data.read("mnist", arguments.mapping)
    first, second = (simulated(dataset, arguments.realisations, weights) for weights in (0, OTHER_WEIGHTS))
    for name, ours, others in zip(QUANTITIES, first, second, strict=True):
        paired = np.corrcoef(ours, others)[0, 1]
        shifted = np.corrcoef(ours, np.roll(others, 1))[0, 1]
        error = (1 - paired**2) / np.sqrt(len(ours))
        print(f"{name}: correlation {paired:.2f} +- {error:.2f}, with shifted indices {shifted:.2f}")
    if arguments.values:
        for simulation, values in enumerate(first.T):
            print(simulation, *(f"{value:.6g}" for value in values))


if __name__ == "__main__":
    main()
