"""The map of entropies on real MNIST, 40 values of σ_w² and 100 layers of 196 units: what it costs and shows.

    NNSTATMECH_DATA_DIR=data python benchmarks/cascades_mnist.py        # about two CPU-minutes

Ridge decoders, two seeds, one thread. Prints CPU seconds a seed, peak memory, and from the means over the seeds the
entropies of the three phases and the σ_w² that explains most variance at each depth from 40 on.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import real_data  # noqa: E402

from nnstatmech.cascades.params import Entropies  # noqa: E402
from nnstatmech.cascades.tasks import entropies  # noqa: E402
from nnstatmech.theory.mean_field import critical_weight_variance  # noqa: E402

VARIANCES = np.linspace(0.1, 4, 40).round(3).tolist()
SEEDS = (0, 1)
PHASES = {"ordered": 1.0, "critical": 1.8, "chaotic": 4.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mapping", default="official", help="entry of data_sources in config.yaml")
    parser.add_argument("--ridge-strength", type=float, default=1e-2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = real_data.read("mnist", options.mapping)
    params = Entropies(
        depth=100,
        evaluated_depths=100,
        resolution=14,
        weight_variances=VARIANCES,
        ridge_strength=options.ridge_strength,
    )
    start = time.process_time()
    table = entropies.run(params, SEEDS, dataset, torch.device("cpu")).to_pandas()
    seconds = (time.process_time() - start) / len(SEEDS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{seconds:.0f} CPU s a seed, {memory:.0f} MB; critical: {critical_weight_variance(params.bias_variance):.3f}"
    )
    entropy, explained = (
        table[table.quantity == quantity].pivot_table(index="depth", columns="weight_variance", values="value")
        for quantity in ("differential_entropy", "explained_variance")
    )
    for phase, variance in PHASES.items():
        values = ", ".join(f"{entropy.loc[depth, variance]:.1f}" for depth in (20, 40, 60, 80, 100))
        print(f"{phase:8s} (σ_w² = {variance}): entropy at depth 20, 40, 60, 80, 100: {values}")
    best = explained.loc[40:].idxmax(axis=1).value_counts()
    print("largest R² at depths from 40 on:", ", ".join(f"{count} times at {value}" for value, count in best.items()))


if __name__ == "__main__":
    main()
