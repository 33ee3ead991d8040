"""What the exact priors and the ensembles cost, against scipy, mpmath and batched matrix products.

    python benchmarks/linear_bnn.py

Prints ratios measured in this one run, in CPU seconds of one thread.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import mpmath
import numpy as np
import torch
from scipy.special import gammaln, kve

from nnstatmech.linear_bnn import bessel, prior, sampling
from nnstatmech.linear_bnn.two_classes import weight_scales


def cpu_seconds(function, repeats: int = 1) -> float:
    """CPU seconds of one call, the smallest of ``repeats``."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def depth_two_with_scipy(r, width, n_out):
    """ln p with scipy's scaled Bessel function, which overflows for wide layers and short outputs."""
    nu = (width - n_out) / 2
    log_scale = -n_out / 2 * np.log(4 * np.pi) + np.log(2) - gammaln(width / 2)
    with np.errstate(all="ignore"):
        return log_scale + nu * np.log(r / 2) + np.log(kve(nu, r)) - r


def densities():
    """Exact densities: thousand radii at once, and where the libraries' functions end."""
    radii = np.geomspace(1e-3, 300, 1000)
    print("ln p at 1000 radii, CPU seconds:")
    for label, law in {
        "one hidden layer, 784": ((784,), 1),
        "three hidden layers, 784, 784 outputs": ((784,) * 3, 784),
        "19 hidden layers, all widths different": (tuple(range(2, 21)), 1),
        "ReLU, one hidden layer of 100": ((100,), 1, 1.0, "relu"),
        "ReLU, three hidden layers of 100": ((100,) * 3, 1, 1.0, "relu"),
    }.items():
        print(f"  {cpu_seconds(lambda law=law: prior.log_prior(radii, *law), 3):6.3f}  {label}")
    print("against scipy.special.kve (one hidden layer, one output):")
    for width in (10, 100, 784):
        ours, theirs = prior.log_prior(radii, (width,), 1), depth_two_with_scipy(radii, width, 1)
        works = np.isfinite(theirs)
        worst = np.max(np.abs(ours - theirs)[works], initial=0)
        closed = bessel.log_prior_depth_two(radii, width, 1)
        print(
            f"  width {width}: scipy finite at {works.mean():.0%} of the radii, largest difference there {worst:.1e}; "
            f"contour integral against log-space Bessel everywhere {np.max(np.abs(ours - closed)):.1e}"
        )
    mellin = cpu_seconds(lambda: prior.log_prior(radii, (100,), 1), 3)
    print(f"  time over scipy's: {mellin / cpu_seconds(lambda: depth_two_with_scipy(radii, 100, 1), 3):.0f}")
    print("against mpmath.meijerg (widths 3, 4, one output):")
    points = np.array([0.01, 1.0, 5.0, 20.0])

    def meijer(r):
        z = r**2 / 8
        value = mpmath.meijerg([[], []], [[0, 1, 1.5], []], z)
        norm = mpmath.gamma(1.5) * mpmath.gamma(2) * mpmath.sqrt(8 * mpmath.pi)
        return float(mpmath.log(value.real / norm))

    theirs = cpu_seconds(lambda: [meijer(r) for r in points]) / len(points)
    ours = cpu_seconds(lambda: prior.log_prior(radii, (3, 4), 1), 3) / len(radii)
    difference = max(abs(meijer(r) - prior.log_prior(r, (3, 4), 1)) for r in points)
    print(f"  a point costs {theirs / ours:.0f} times less here; largest difference {difference:.1e}")


def bmm_gradient(images, targets, first, second):
    """The gradient of one hidden layer by batched matrix products, ensemble first."""
    hidden = torch.bmm(first, images.T.expand(len(first), -1, -1))
    residual = torch.bmm(second, hidden)[:, 0] - targets
    return torch.bmm(second.transpose(1, 2), (residual @ images)[:, None]), torch.bmm(
        residual[:, None], hidden.transpose(1, 2)
    )


def ensembles():
    """Gradients of an ensemble, the saving of rotated inputs and of compressed layers, and a ladder of HMC."""
    generator = np.random.default_rng(0)
    images = generator.standard_normal((5, 784))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    targets = np.array([1.0, 1.0, -1.0, -1.0])
    rotated, _ = sampling.rotated_inputs(images[:4], images[4])
    width, count = 16, 2048
    sigmas = weight_scales((width,), 1.5)
    streams = sampling.Streams([0], count, "benchmark")
    model = sampling.LinearNetworks(rotated, targets, (width,), sigmas)
    weights = model.draw(streams)
    ours = cpu_seconds(lambda: [model.gradient(weights) for _ in range(50)], 3) / 50
    first, second = (weight.permute(2, 0, 1).contiguous() for weight in weights)
    arguments = torch.tensor(rotated).float(), torch.tensor(targets).float(), first, second
    theirs = cpu_seconds(lambda: [bmm_gradient(*arguments) for _ in range(50)], 3) / 50
    print(f"gradient of {count} networks of width {width}: {theirs / ours:.1f} times less than batched matrix products")
    pixels = sampling.LinearNetworks(images[:4], targets, (width,), sigmas)
    many = pixels.draw(sampling.Streams([0], count, "benchmark"))
    full = cpu_seconds(lambda: pixels.gradient(many), 3)
    print(f"  rotated inputs (784 pixels to 5): {full / ours:.0f} times less")
    wide = sampling.LinearNetworks(rotated, targets, (784,), weight_scales((784,), 1.5))
    start = wide.draw(streams)
    small = sampling.compressed(start)
    saving = cpu_seconds(lambda: wide.gradient(start), 3) / cpu_seconds(lambda: wide.gradient(small), 3)
    print(f"  compressed hidden layer (784 units to {small[0].shape[0]}): {saving:.0f} times less")
    betas = (0.3, 1, 3, 10, 30, 100)
    ladder = cpu_seconds(lambda: list(sampling.hamiltonian_monte_carlo(model, weights, betas, streams)))
    print(f"HMC ladder of {count} chains, 6 rungs of 80 moves of 10 leapfrogs: {ladder:.2f} CPU seconds")


if __name__ == "__main__":
    torch.set_num_threads(1)
    densities()
    ensembles()
