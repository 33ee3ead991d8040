"""A test-bed for samplers of a network's posterior: a function that samples goes in, a verdict comes out.

The exact posterior of a finite linear network (:mod:`nnstatmech.linear_bnn.posterior`) says what is right. A sampler
is a function ``sample(networks, beta, streams) -> Draws``: it gets the loss and its gradient
(:class:`~nnstatmech.linear_bnn.sampling.LinearNetworks`), the inverse temperature and the streams of its seeds, and
gives the weights of all chains, draw by draw. Chains have to be independent of each other. What is tested has the size
that it says: outputs of each chain's last draw in equiprobable bins of their exact law (Pearson's χ²), and the mean
loss, whose standard error is that of independent chains.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import t as student

from . import comparison, diagnostics
from .posterior import Posterior
from .sampling import (
    Chains,
    LinearNetworks,
    Streams,
    Weights,
    compressed,
    gradient_descent,
    langevin_step,
    learning_rate,
)

LEVEL = 0.01
"""Probability with which a sampler of the posterior fails the verdict by chance."""

LADDER = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Inverse temperatures through which Metropolis-corrected chains are annealed."""

Draws = Iterator[Weights]
"""Whitened weights of all chains, one list a draw: as :class:`LinearNetworks` takes them."""

Sampler = Callable[[LinearNetworks, float, Streams], Draws]


@dataclass(frozen=True)
class Verdict:
    """What the tests say of a sampler.

    Attributes
    ----------
    output_p_value
        Of Pearson's χ² of the chains' last outputs in equiprobable bins of the exact law.
    loss_p_value
        Of the mean loss against the exact one, two-sided.
    loss_ratio, loss_ratio_error
        Mean loss over the exact one, and its standard error over the chains.
    r_hat, effective_samples_a_draw
        Of the loss; NaN for a sampler of a single draw a chain.
    diverged
        Fraction of the chains whose numbers left the float range.
    """

    output_p_value: float
    loss_p_value: float
    loss_ratio: float
    loss_ratio_error: float
    r_hat: float
    effective_samples_a_draw: float
    diverged: float

    @property
    def passed(self) -> bool:
        """Whether both tests pass, each at half of :data:`LEVEL`, and no chain diverged."""
        return min(self.output_p_value, self.loss_p_value) > LEVEL / 2 and self.diverged == 0


def judge(
    sampler: Sampler, networks: LinearNetworks, posterior: Posterior, test_image, beta: float, streams: Streams
) -> Verdict:
    """Run a sampler and compare its draws with the exact posterior.

    Parameters
    ----------
    networks, posterior
        The same network; the posterior may have seen rotated images, as ``test_image`` (D,) then has to be.
    beta
        Inverse temperature; infinite for what claims to sample the zero-temperature limit.
    """
    outputs, losses = [], []
    for weights in sampler(networks, beta, streams):
        outputs.append(networks.outputs(weights, test_image).double().cpu().numpy())
        losses.append(networks.loss(weights).double().cpu().numpy())
    return verdict(posterior, test_image, beta, np.stack(outputs, axis=1), np.stack(losses, axis=1))


def verdict(posterior: Posterior, test_image, beta: float, outputs: np.ndarray, losses: np.ndarray) -> Verdict:
    """The same of ``outputs`` and ``losses`` (chains, draws) that are already there."""
    whole = np.isfinite(outputs).all(1) & np.isfinite(losses).all(1)
    outputs, losses = outputs[whole], losses[whole]
    if len(outputs) < 2:
        return Verdict(0.0, 0.0, np.nan, np.nan, np.nan, np.nan, float(np.mean(~whole)))
    probabilities = posterior.predictive(beta, test_image).cdf(outputs[:, -1])
    by_chain = losses.mean(axis=1)
    error = by_chain.std(ddof=1) / np.sqrt(len(by_chain))
    exact = posterior.mean_loss(beta)
    deviation = (by_chain.mean() - exact) / error if error > 0 else 0.0
    several = losses.shape[1] >= 4
    return Verdict(
        output_p_value=comparison.equiprobable(probabilities).p_value,
        # At zero temperature the exact loss is the least there is, and what is left of it is a tolerance.
        loss_p_value=float(2 * student.sf(abs(deviation), len(by_chain) - 1)) if np.isfinite(beta) else 1.0,
        loss_ratio=float(by_chain.mean() / exact) if np.isfinite(beta) else np.nan,
        loss_ratio_error=float(error / exact) if np.isfinite(beta) else np.nan,
        r_hat=diagnostics.r_hat(losses) if several else np.nan,
        effective_samples_a_draw=diagnostics.effective_samples(losses) / losses.size if several else np.nan,
        diverged=float(np.mean(~whole)),
    )


def metropolis(leapfrogs: int, target: float, moves: int) -> Sampler:
    """Hamiltonian Monte Carlo through a ladder of temperatures from prior draws; one leapfrog step makes it MALA.

    ``moves`` trajectories at each temperature; the draws are those of the second half of as many more at the last.
    """

    def sample(networks: LinearNetworks, beta: float, streams: Streams) -> Draws:
        chains = Chains(networks, networks.draw(streams), streams, first_step=0.3)
        for rung in (*(each for each in LADDER if each < beta), beta):
            chains.advance(rung, moves, leapfrogs, target, jitter=0.4)
        for _ in range(DRAWS):
            chains.advance(beta, -(-moves // DRAWS // 4) * 4, leapfrogs, target, jitter=0.4, adapts=False)
            yield chains.weights

    return sample


DRAWS = 20
"""Draws of each chain, evenly spaced."""


def tamed_langevin(step_size: float, steps: int) -> Sampler:
    """Langevin dynamics without Metropolis correction from prior draws, its drift tamed; then :data:`DRAWS` draws."""

    def sample(networks: LinearNetworks, beta: float, streams: Streams) -> Draws:
        weights = networks.draw(streams)
        for stop, following in pairwise([0, steps, *(steps + steps // DRAWS * (i + 1) for i in range(DRAWS))]):
            for _ in range(following - stop):
                langevin_step(networks, weights, beta, streams, step_size, None, tamed=True)
            if stop:
                yield weights

    return sample


def trained(tolerance: float, max_steps: int) -> Sampler:
    """Gradient descent from prior draws to zero loss, as if it sampled the zero-temperature limit."""

    def sample(networks: LinearNetworks, beta: float, streams: Streams) -> Draws:
        start = compressed(networks.draw(streams))
        yield gradient_descent(
            networks, start, learning_rate(networks), tolerance=tolerance, max_steps=max_steps
        ).weights

    return sample


SAMPLERS: dict[str, Sampler] = {
    "hmc": metropolis(leapfrogs=10, target=0.8, moves=80),
    "mala": metropolis(leapfrogs=1, target=0.57, moves=800),
    "langevin": tamed_langevin(step_size=0.01, steps=800),
    "gradient_descent": trained(tolerance=1e-6, max_steps=60_000),
}
"""The entries that come with the family."""
