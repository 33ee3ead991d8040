"""Ensembles of linear networks: exact draws from the prior, and the ways to a posterior that can be wrong.

Many independent networks are computed side by side. Their index is the *last*, contiguous axis of every tensor:
all operations on such small matrices are then elementwise along it, several times faster than batched matrix
products. A network is given by its whitened weights, a list of d tensors of shape (n_l, n_{l-1}, networks) with
standard normal prior; the weights of layer l are sigma_l times these. Only matrix-vector products are needed,
because a linear network with a scalar output is its end-to-end vector.

Randomness comes in blocks: every seed owns ``networks`` consecutive members of the ensemble, its own random
streams and step size, so that its numbers do not depend on which seeds are computed beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..seeding import torch_stream
from .domain import finite, inverse_temperature, positive, weight_scales, whole_widths

Weights = list[Tensor]


def rotated_inputs(images, test_image) -> tuple[np.ndarray, np.ndarray]:
    """The same inputs in at most P + 1 coordinates: shapes (P, D) and (D,).

    A linear first layer with Gaussian weights sees inputs only through their scalar products, so an orthonormal
    basis of their span is as good as the pixels: exactly so for the prior, the posterior and gradient descent.
    """
    stacked = np.vstack([images, test_image]).astype(float)
    coordinates = np.linalg.qr(stacked.T).R.T
    return coordinates[:-1], coordinates[-1]


class Streams:
    """Random numbers for an ensemble that is made of one block of ``networks`` for each seed."""

    def __init__(self, seeds: Sequence[int], networks: int, name: str, device: torch.device | str = "cpu"):
        self.networks, self.device = networks, torch.device(device)
        self.generators = [torch_stream(seed, name, device=str(device)) for seed in seeds]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers of shape (*shape, seeds * networks)."""
        return torch.cat([self._block(torch.randn, shape, generator) for generator in self.generators], dim=-1)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers uniform on [0, 1) of shape (*shape, seeds * networks)."""
        return torch.cat([self._block(torch.rand, shape, generator) for generator in self.generators], dim=-1)

    def spread(self, per_seed: Tensor) -> Tensor:
        """One value for each seed, repeated for its networks."""
        return per_seed.repeat_interleave(self.networks)

    def average(self, per_network: Tensor) -> Tensor:
        """Mean over each seed's networks."""
        return per_network.reshape(-1, self.networks).mean(1)

    def _block(self, draw, shape, generator):
        return draw(*shape, self.networks, generator=generator, device=self.device)


class LinearNetworks:
    """Loss and gradients of an ensemble of linear networks with a scalar output.

    Parameters
    ----------
    images, targets
        Inputs (P, D) and y (P,).
    hidden_widths, sigmas
        n_1..n_{d-1} and the standard deviations of the d weight matrices.

    Raises
    ------
    ValueError
        If a number is outside of its domain.
    """

    def __init__(
        self,
        images,
        targets,
        hidden_widths: Sequence[int],
        sigmas: Sequence[float],
        device: torch.device | str = "cpu",
    ):
        self.images = torch.as_tensor(np.asarray(images), dtype=torch.float32, device=device)
        self.targets = torch.as_tensor(np.asarray(targets), dtype=torch.float32, device=device)
        self.widths = (self.images.shape[1], *hidden_widths, 1)
        finite("images", self.images.cpu())
        finite("targets", self.targets.cpu())
        whole_widths("hidden widths", hidden_widths)
        self.sigmas = weight_scales(sigmas, hidden_widths)

    def draw(self, streams: Streams) -> Weights:
        """Whitened weights of one network for each member of the ensemble, from the prior."""
        return [streams.normal(n_out, n_in) for n_in, n_out in pairwise(self.widths)]

    def outputs(self, weights: Weights, image) -> Tensor:
        """f(x) for one ``image`` of shape (D,), shape (networks,)."""
        image = torch.as_tensor(np.asarray(image), dtype=torch.float32, device=self.images.device)
        return image @ self._backward(weights)[0]

    def loss(self, weights: Weights) -> Tensor:
        """L = 1/2 sum (f - y)^2, shape (networks,)."""
        return self._residuals(self._backward(weights)[0]).square().sum(0) / 2

    def loss_and_gradient(self, weights: Weights, mask: Tensor | None = None) -> tuple[Tensor, Weights]:
        """L and its derivatives by the whitened weights.

        ``mask`` of shape (P, networks), if given, weighs every image's term in the gradient (not in L).
        """
        backward = self._backward(weights)
        residuals = self._residuals(backward[0])
        forward = self.images.T @ (residuals if mask is None else residuals * mask)
        gradient = []
        for sigma, weight, vector in zip(self.sigmas, weights, backward[1:], strict=True):
            gradient.append(sigma * vector[:, None] * forward[None])
            forward = sigma * (weight * forward[None]).sum(1)
        return residuals.square().sum(0) / 2, gradient

    def _backward(self, weights):
        """Row vectors W_d ... W_{l+1} for l = 0..d, each (n_l, networks); the first is the end-to-end vector."""
        vectors = [torch.ones_like(weights[-1][:, 0])]
        for sigma, weight in zip(reversed(self.sigmas), reversed(weights), strict=True):
            vectors.append(sigma * (weight * vectors[-1][:, None]).sum(0))
        return vectors[::-1]

    def _residuals(self, vector):
        return self.images @ vector - self.targets[:, None]


@dataclass(frozen=True)
class Rung:
    """The ensemble at one inverse temperature of the ladder."""

    beta: float
    weights: Weights
    acceptance: Tensor
    step: Tensor


STEP_SCALES = (1.0, 0.3, 1.0, 0.1)
"""Step sizes of successive Hamiltonian moves, relative to the adapted one."""


def hamiltonian_monte_carlo(
    networks: LinearNetworks,
    weights: Weights,
    betas: Sequence[float],
    streams: Streams,
    *,
    moves: int = 80,
    leapfrogs: int = 10,
    first_step: float = 0.3,
    target: float = 0.8,
    jitter: float = 0.4,
) -> Iterator[Rung]:
    """Independent Hamiltonian Monte Carlo chains, annealed through rising inverse temperatures.

    Each network is a chain of its own that starts from its prior draw, so the ensemble at a rung is a set of
    independent samples. In the first half of a rung's ``moves`` the step size of each seed is adapted to the
    ``target`` acceptance of full moves; each move's step is ``jitter``ed, which breaks the periodic orbits of
    leapfrog. Every second move is shorter: the prior of one or two hidden units has draws of so large weights that
    the full step is unstable there, and such networks would never move again.

    Yields
    ------
    Rung
        For each beta, with the acceptance of full moves in the rung's second half and the step size, shape (seeds,).
    """
    log_step = torch.full((len(streams.generators),), float(np.log(first_step)), device=streams.device)
    positive("first_step", first_step)
    for beta in betas:
        inverse_temperature(beta)
        accepted = []
        for move in range(moves):
            scale = STEP_SCALES[move % len(STEP_SCALES)]
            step = streams.spread(log_step.exp()) * scale * (1 + jitter * (2 * streams.uniform() - 1))
            weights, probability = hamiltonian_move(networks, weights, beta, step, leapfrogs, streams)
            if scale == 1 and 2 * move < moves:
                log_step = log_step + streams.average(probability) - target
            elif scale == 1:
                accepted.append(streams.average(probability))
        yield Rung(beta, weights, torch.stack(accepted).mean(0), log_step.exp())


def hamiltonian_move(networks, weights, beta, step, leapfrogs, streams):
    """New weights and acceptance probabilities of one Metropolis-corrected trajectory of every network."""
    momenta = [streams.normal(*weight.shape[:2]) for weight in weights]
    loss, gradient = networks.loss_and_gradient(weights)
    start = beta * loss + half_square(weights) + half_square(momenta)
    proposal = weights
    for leap in range(leapfrogs):
        if leap == 0:
            momenta = [p - step / 2 * (w + beta * g) for p, w, g in zip(momenta, proposal, gradient, strict=True)]
        proposal = [w + step * p for w, p in zip(proposal, momenta, strict=True)]
        loss, gradient = networks.loss_and_gradient(proposal)
        kick = step if leap < leapfrogs - 1 else step / 2
        momenta = [p - kick * (w + beta * g) for p, w, g in zip(momenta, proposal, gradient, strict=True)]
    end = beta * loss + half_square(proposal) + half_square(momenta)
    # An unstable trajectory has an infinite or undefined energy: never accepted.
    probability = torch.nan_to_num((start - end).exp(), nan=0.0).clamp(max=1)
    accept = streams.uniform() < probability
    return [torch.where(accept, new, old) for new, old in zip(proposal, weights, strict=True)], probability


def half_square(tensors: Weights) -> Tensor:
    first, *others = [tensor.square().sum((0, 1)) for tensor in tensors]
    return sum(others, first) / 2


def langevin(
    networks: LinearNetworks,
    weights: Weights,
    beta: float,
    streams: Streams,
    *,
    steps: int = 800,
    step_size: float = 0.01,
    batch_size: int | None = None,
    tamed: bool = True,
) -> Weights:
    """Stochastic gradient Langevin dynamics: w <- w - eta (w + beta grad L) + sqrt(2 eta) noise.

    No Metropolis correction: biased unless eta beta times the curvature is small, and slow where it is. Untamed
    it diverges for narrow networks, whose energy is quartic; taming divides a network's drift g by 1 + eta |g|.
    ``batch_size`` images, redrawn for each network and step, estimate the gradient; all of them if None.
    """
    inverse_temperature(beta)
    positive("step_size", step_size)
    count = len(networks.targets)
    for _ in range(steps):
        mask = None
        if batch_size is not None and batch_size < count:
            ranks = streams.uniform(count).argsort(0).argsort(0)
            mask = (ranks < batch_size) * (count / batch_size)
        _, gradient = networks.loss_and_gradient(weights, mask)
        drift = [w + beta * g for w, g in zip(weights, gradient, strict=True)]
        scale = step_size / (1 + step_size * (2 * half_square(drift)).sqrt()) if tamed else step_size
        noise = (2 * step_size) ** 0.5
        weights = [w - scale * d + noise * streams.normal(*w.shape[:2]) for w, d in zip(weights, drift, strict=True)]
    return weights


@dataclass(frozen=True)
class Descent:
    """End of gradient descent: ``step`` is the number of steps taken to convergence, -1 where it was not reached."""

    weights: Weights
    loss: Tensor
    step: Tensor


def learning_rate(networks: LinearNetworks, safety: float = 0.12) -> float:
    """A step of gradient descent that is stable for nearly all draws from the prior.

    ``safety`` over the largest curvature at initialisation, the top eigenvalue of the Gram matrix times
    max_l prod_{m != l} sigma_m^2 prod n, with 1 + 3/n for the fluctuations of narrow layers.
    """
    positive("safety", safety)
    top = float(torch.linalg.matrix_norm(networks.images.double(), 2)) ** 2
    hidden = np.asarray(networks.widths[1:-1], float)
    squares = np.square(networks.sigmas)
    curvature = np.prod(squares) / np.min(squares) * np.prod(hidden) * (1 + 3 / np.min(hidden, initial=np.inf))
    return safety / (top * curvature)


def gradient_descent(
    networks: LinearNetworks,
    weights: Weights,
    rate: float,
    *,
    tolerance: float = 1e-6,
    max_steps: int = 40_000,
    check_every: int = 50,
) -> Descent:
    """Full-batch gradient descent on the weights (not the whitened ones) until L < ``tolerance``.

    Convergence is checked every ``check_every`` steps and converged networks leave the computation. What does not
    converge, or diverges, within ``max_steps`` is returned as it is, with ``step`` -1: narrow networks need
    10 to 50 times more steps, and dropping the slow ones silently would select among the draws.
    """
    positive("rate", rate)
    positive("tolerance", tolerance)
    final = [weight.clone() for weight in weights]
    step = torch.full(final[0].shape[-1:], -1, device=networks.images.device)
    active = torch.arange(len(step), device=networks.images.device)
    current, whitened_rates = [weight.clone() for weight in weights], [rate / s**2 for s in networks.sigmas]
    taken = 0
    while len(active) and taken < max_steps:
        for _ in range(min(check_every, max_steps - taken)):
            _, gradient = networks.loss_and_gradient(current)
            for weight, slope, eta in zip(current, gradient, whitened_rates, strict=True):
                weight.sub_(slope, alpha=eta)
            taken += 1
        converged = networks.loss(current) < tolerance
        step[active[converged]] = taken
        if converged.any():
            for target, weight in zip(final, current, strict=True):
                target[..., active[converged]] = weight[..., converged]
            active, current = active[~converged], [weight[..., ~converged] for weight in current]
    for target, weight in zip(final, current, strict=True):
        target[..., active] = weight
    return Descent(final, networks.loss(final), step)


def compressed(weights: Weights) -> Weights:
    """The same networks with hidden layers no wider than gradient descent can tell.

    Gradient descent moves the n_{l-1} columns of W_l and the n_{l+1} rows of W_{l+1} within their common span, so
    an orthonormal basis of that span replaces the n_l units, exactly: hidden layers of 784 units cost as much as
    of n_{l-1} + n_{l+1}.
    """
    weights = list(weights)
    for index in range(len(weights) - 1):
        below, above = weights[index], weights[index + 1]
        columns, rows = below.shape[1], above.shape[0]
        if below.shape[0] > columns + rows:
            vectors = torch.cat([below, above.transpose(0, 1)], dim=1).permute(2, 0, 1)
            reduced = torch.linalg.qr(vectors, mode="r").R.permute(1, 2, 0)
            weights[index] = reduced[:, :columns].contiguous()
            weights[index + 1] = reduced[:, columns:].transpose(0, 1).contiguous()
    return weights
