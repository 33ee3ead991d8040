"""Published moments (Labatie 2019) beside ours at the published sizes, on real CIFAR-10 images.

    NNSTATMECH_DATA_DIR=data python benchmarks/moments_published.py vanilla_fc=200 bn_ff=3:40 ...

Each argument is EXPERIMENT=REALISATIONS or EXPERIMENT=REALISATIONS:DEPTH, where DEPTH cuts the network. For every
quantity and depth for which a standard deviation is published,

    z = (our mean - published mean) / (published sd sqrt(1/n + 1/m))

with n published realisations and m of ours. Values of one run are strongly correlated along the depth. The images come
from the mapping ``copies`` (JPEG) of config.yaml: effective ranks at depths up to 4 shift by up to 2 % and are listed
apart. Without arguments: the fully connected experiments, about 10 CPU-minutes.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import real_data
import torch

from nnstatmech.devices import choose_device
from nnstatmech.moments.curves import curve
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.published_values import published_curves
from nnstatmech.moments.tasks.propagation import run

ROOT = Path(__file__).resolve().parents[1]
HISTOGRAM = {"measurements": 4, "effective_ranks": "none", "batch_size": 1024, "width": 128}
VANILLA = {"architecture": "vanilla", "depth": 200, "width": 512, "batch_size": 64, "effective_ranks": "signal"}
BN = {"architecture": "bn_ff", "depth": 200, "width": 512, "batch_size": 64}
SIZES = {
    "vanilla_histo": VANILLA | HISTOGRAM,
    "vanilla_histo_fc": VANILLA | HISTOGRAM | {"kernel_size": 1},
    "vanilla": VANILLA,
    "vanilla_zero_padding": VANILLA | {"boundary": "zero_padding"},
    "vanilla_fc": VANILLA | {"kernel_size": 1},
    "bn_ff": BN,
    "bn_ff_zero_padding": BN | {"boundary": "zero_padding"},
    "bn_ff_fc_64": BN | {"kernel_size": 1},
    "bn_ff_fc_512": BN | {"kernel_size": 1, "batch_size": 512},
    "bn_res": BN | {"architecture": "bn_res", "depth": 500},
}
DEFAULT = ["vanilla_fc=200", "bn_ff_fc_64=200", "bn_ff_fc_512=20", "vanilla_histo_fc=1000"]


def parameters(name, depth):
    """The published sizes, cut at ``depth`` without moving the measured depths."""
    sizes = {"measurements": 100} | SIZES[name]
    if depth:
        every = sizes["depth"] // sizes["measurements"]
        sizes |= {"depth": depth, "measurements": depth // every}
    return Propagation(**sizes)


def deviations(name, table):
    """Rows (quantity, depth, ours, published, z)."""
    rows, curves = [], {}
    for published in published_curves(name).dropna(subset="sd").itertuples():
        values = curves.setdefault(published.quantity, curve(table, published.quantity))
        if published.depth in values.columns:
            ours = values[published.depth]
            error = published.sd * np.sqrt(1 / published.realisations + 1 / len(ours))
            z = (ours.mean() - published.mean) / error
            rows.append((published.quantity, published.depth, ours.mean(), published.mean, z))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", default=DEFAULT, metavar="EXPERIMENT=REALISATIONS[:DEPTH]")
    parser.add_argument("--data", default="copies", help="mapping of config.yaml that holds cifar10")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--values", action="store_true", help="print every comparison")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = real_data.read("cifar10", arguments.data, download=False)
    for item in arguments.experiments:
        name, _, size = item.partition("=")
        count, _, depth = size.partition(":")
        start = time.process_time()
        device = choose_device(arguments.device)
        params = parameters(name, int(depth or 0))
        table = run(params, range(int(count)), dataset, device).to_pandas().assign(run=name)
        table.attrs["runs"] = {name: params.model_dump()}
        seconds = (time.process_time() - start) / int(count)
        rows = deviations(name, table)
        image_bound = [row for row in rows if row[0].startswith("reff") and row[1] <= 4]
        z = np.array([row[4] for row in rows if row not in image_bound])
        worst = max((row for row in rows if row not in image_bound), key=lambda row: abs(row[4]))
        print(
            f"{name}: {count} realisations{f' to depth {depth}' if depth else ''}, {seconds:.2f} CPU s each; {len(z)}"
            f" values, rms z {np.sqrt(np.mean(z**2)):.2f}, max |z| {abs(worst[4]):.2f} ({worst[0]} at l = {worst[1]});"
            f" {sum(abs(z) > 4)} beyond 4",
            flush=True,
        )
        for row in rows if arguments.values else image_bound:
            print("    {:16s} l = {:3d}  ours {:10.5g}  published {:10.5g}  z {:+.2f}".format(*row), flush=True)


if __name__ == "__main__":
    main()
