"""Effective samples of the mean loss per CPU second: Hamiltonian Monte Carlo here and at another commit, in one run.

    git worktree add ../earlier f3099da
    python benchmarks/linear_bnn_hmc.py ../earlier

Both sample the exact posterior of two classes at 6 temperatures and 4 widths. An effective sample is worth as much as
an independent draw for the standard error of the mean loss: the variance of the loss over the squared error times the
number of chains. Printed too: what says that the ensembles are equally right, the mean of Pearson's statistic in 30
bins (29 if they are) and the largest deviation of a mean loss in standard errors.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[1]
WIDTHS, BETAS, SEEDS, CHAINS = (1, 2, 4, 16), (0.3, 1, 3, 10, 30, 100), 6, 512


def measure(checkout: Path) -> dict:
    """Ladders of one checkout, in this process."""
    sys.path.insert(0, str(checkout / "workflow"))
    import torch

    from nnstatmech.linear_bnn import sampling
    from nnstatmech.linear_bnn.comparison import equiprobable
    from nnstatmech.linear_bnn.posterior import Posterior
    from nnstatmech.linear_bnn.two_classes import weight_scales

    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    images = generator.standard_normal(60) + generator.standard_normal((5, 60))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    rotated, test = sampling.rotated_inputs(images[:4], images[4])
    targets = np.array([1.0, 1.0, -1.0, -1.0])
    found = {"seconds": 0.0, "samples": [], "statistics": [], "deviations": []}
    for width in WIDTHS:
        sigmas = weight_scales((width,), 1.5)
        networks = sampling.LinearNetworks(rotated, targets, (width,), sigmas)
        posterior = Posterior(rotated, targets, (width,), sigmas)
        streams = sampling.Streams(range(SEEDS), CHAINS, f"benchmark {width}")
        start = time.process_time()
        rungs = list(sampling.hamiltonian_monte_carlo(networks, networks.draw(streams), BETAS, streams))
        found["seconds"] += time.process_time() - start
        for rung in rungs:
            last = networks.loss(rung.weights).double().numpy()
            losses = getattr(rung, "average_loss", torch.as_tensor(last)).double().numpy()
            error = losses.std() / np.sqrt(len(losses))
            found["samples"].append(last.var() / error**2)
            found["deviations"].append((losses.mean() - posterior.mean_loss(rung.beta)) / error)
            outputs = networks.outputs(rung.weights, test).double().numpy()
            found["statistics"].append(equiprobable(posterior.predictive(rung.beta, test).cdf(outputs)).statistic)
    return found


def main(earlier: Path) -> None:
    """The two checkouts in turn, twice; the smaller time of each."""
    runs = {}
    for _ in range(2):
        for checkout in (earlier, HERE):
            command = [sys.executable, __file__, "--measure", str(checkout)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if checkout not in runs or found["seconds"] < runs[checkout]["seconds"]:
                runs[checkout] = found
    rates = {}
    for checkout, found in runs.items():
        rates[checkout] = np.sum(found["samples"]) / found["seconds"]
        print(
            f"{checkout}: {found['seconds']:.2f} CPU s, {np.sum(found['samples']):.0f} effective samples, "
            f"{rates[checkout]:.0f} a CPU second; mean χ² {np.mean(found['statistics']):.1f}, "
            f"largest |z| of a mean loss {np.max(np.abs(found['deviations'])):.1f}"
        )
    seconds = runs[earlier]["seconds"] / runs[HERE]["seconds"]
    print(f"CPU seconds {seconds:.2f} times fewer, effective samples a second {rates[HERE] / rates[earlier]:.1f} times")


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measure(Path(sys.argv[-1]))))
    else:
        main(Path(sys.argv[1]).resolve())
