"""Final errors of message passing and of gradient descent on real MNIST, beside the published level.

    NNSTATMECH_DATA_DIR=data python benchmarks/message_passing_mnist.py        # about 12 CPU-minutes

A 784-101-101-{1,10} network, all 60 000 images, batches of 128, ρ = (1.0001, 1.0001, 0.9), ψ = 0.8, ε = 1, 20 epochs,
three seeds trained together. Prints one row per setting: mean and range over the seeds of the last epoch, in %.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import real_data  # noqa: E402

from nnstatmech.devices import choose_device  # noqa: E402
from nnstatmech.message_passing.tasks import training  # noqa: E402

SEEDS = (0, 1, 2)
QUANTITIES = ("train_error", "test_error", "bayes_test_error")
SETTINGS = [
    ("odd_even", "bp", {}),
    ("odd_even", "amp", {}),
    ("odd_even", "mf", {}),
    ("odd_even", "sgd", {"learning_rate": 10.0}),
    ("odd_even", "bp", {"rho": [0.9999, 0.9999, 0.9]}),
    ("ten_classes", "bp", {}),
    ("ten_classes", "amp", {}),
    ("ten_classes", "mf", {}),
    ("ten_classes", "sgd", {"learning_rate": 10.0}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", choices=("odd_even", "ten_classes"), help="only these labels")
    parser.add_argument("--algorithms", nargs="+", choices=("bp", "amp", "mf", "sgd"), help="only these rules")
    parser.add_argument("--dataset", default="mnist", choices=("mnist", "fashion_mnist"))
    parser.add_argument("--mapping", default="official", help="entry of data_sources in config.yaml")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = real_data.read(options.dataset, options.mapping)
    for labels, algorithm, extra in SETTINGS:
        if options.labels not in (None, labels) or (options.algorithms and algorithm not in options.algorithms):
            continue
        chosen = {"rho": [1.0001, 1.0001, 0.9], "psi": 0.8, "epsilon": 1.0, "batch_size": 128, "epochs": 20, **extra}
        params = training.Training(
            algorithm=algorithm, labels=labels, bayes=True, evaluate_every=chosen["epochs"], **chosen
        )
        start = time.process_time()
        table = training.run(params, SEEDS, dataset, choose_device(options.device)).to_pandas()
        seconds = time.process_time() - start
        last = table[(table.epoch == params.epochs) & table.layer.isna()].set_index("quantity").value
        parts = [f"{labels:12s} {algorithm:4s} rho[0]={chosen['rho'][0]:<7}"]
        for quantity in QUANTITIES:
            if quantity in last.index:
                values = last[quantity]
                parts.append(f"{quantity} {values.mean():5.2f} [{values.min():5.2f}, {values.max():5.2f}]")
        per_epoch = table[table.quantity == "seconds_per_epoch"].value.mean()
        parts.append(f"{per_epoch:.2f} s per epoch and seed, {seconds:.0f} CPU-s in all")
        print("  ".join(parts), flush=True)


if __name__ == "__main__":
    main()
