"""Ensembles of linear networks: exact draws from the prior, and the ways to a posterior that can be wrong.

Many independent networks are computed side by side. Their index is the *last*, contiguous axis of every tensor:
all operations on such small matrices are then elementwise along it, several times faster than batched matrix
products. A network is given by its whitened weights, a list of d tensors of shape (n_l, n_{l-1}, networks) with
standard normal prior; the weights of layer l are sigma_l times these. Only matrix-vector products are needed,
because a linear network with a scalar output is its end-to-end vector, and a gradient is the outer product of two
vectors, which is added where it is needed and never formed. On a CPU networks move on in blocks that stay in the
cache, on a GPU as many as fit at once.

Randomness comes in blocks: every seed owns ``networks`` consecutive members of the ensemble, its own random
streams and step size, so that its numbers do not depend on which seeds are computed beside it.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..devices import free_bytes
from ..seeding import torch_stream
from .domain import finite, inverse_temperature, positive, weight_scales, whole_widths

Weights = list[Tensor]

COPIES = 6
"""Of all weights that a sampler holds at a time: weights, proposal, momenta, random numbers and two products."""

CACHED = 2**17
"""Numbers of a tensor that is computed with at a time on a CPU: several of them stay in a core's cache.

The smallest power of two at which ladders, test-bed and descent together take no more than 2 % above their least.
"""


def rotated_inputs(images, test_image) -> tuple[np.ndarray, np.ndarray]:
    """The same inputs in at most P + 1 coordinates: shapes (P, D) and (D,).

    A linear first layer with Gaussian weights sees inputs only through their scalar products, so an orthonormal
    basis of their span is as good as the pixels: exactly so for the prior, the posterior and gradient descent.
    """
    stacked = np.vstack([images, test_image]).astype(float)
    coordinates = np.linalg.qr(stacked.T).R.T
    return coordinates[:-1], coordinates[-1]


def numbers_of_network(weights: Weights) -> int:
    """Number of weights of one network."""
    return sum(weight.shape[0] * weight.shape[1] for weight in weights)


def blocks(weights: Weights) -> list[slice]:
    """Consecutive networks that are computed at a time: on a CPU so many that their weights stay in the cache."""
    count = weights[0].shape[-1]
    if weights[0].device.type != "cpu":
        return [slice(0, count)] if count else []
    # Whole vectors, so that a network is rounded alike whatever is beside it.
    size = max(64, CACHED // numbers_of_network(weights) // 64 * 64)
    return [slice(start, start + size) for start in range(0, count, size)]


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

    def groups(self, weights_of_network: int) -> "list[Streams]":
        """The same streams in groups of seeds that move on together: what the cache, or half of a GPU's memory, holds.

        Parameters
        ----------
        weights_of_network
            Number of weights of a network, of which :data:`COPIES` single-precision copies are held.
        """
        free = free_bytes(self.device)
        numbers = CACHED if free is None else free // (8 * COPIES)
        together = max(1, numbers // (weights_of_network * self.networks))
        return [self._part(slice(i, i + together)) for i in range(0, len(self.generators), together)]

    def _part(self, which: slice) -> "Streams":
        part = copy(self)
        part.generators = self.generators[which]
        return part

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
        return self.gain * (image @ self._backward(weights)[0])

    def loss(self, weights: Weights) -> Tensor:
        """L = 1/2 sum (f - y)^2, shape (networks,)."""
        return self._residuals(self._backward(weights)[0]).square().sum(0) / 2

    def gradient(self, weights: Weights, mask: Tensor | None = None) -> Weights:
        """Derivatives of L by the whitened weights; ``mask`` as in :meth:`push`."""
        gradient = [torch.zeros_like(weight) for weight in weights]
        self.push(gradient, weights, 1.0, mask=mask)
        return gradient

    def push(
        self,
        target: Weights,
        weights: Weights,
        scale: float | Tensor,
        layers: Sequence[float] | None = None,
        mask: Tensor | None = None,
    ) -> None:
        """Add ``scale`` times the gradient of L by the whitened weights to ``target``, which may be ``weights``.

        Parameters
        ----------
        scale
            A number, or one for each network (networks,).
        layers
            A further factor for each layer.
        mask
            Of shape (P, networks), weighs every image's term in the gradient.
        """
        backward = self._backward(weights)
        residuals = self._residuals(backward[0])
        forward = self.images.T @ (residuals if mask is None else residuals.mul_(mask))
        number = 1.0 if isinstance(scale, Tensor) else scale
        if isinstance(scale, Tensor):
            forward.mul_(scale)
        factors = [self.gain * number * factor for factor in (layers or [1.0] * len(weights))]
        for goal, weight, vector, factor in zip(target[:-1], weights[:-1], backward[1:], factors, strict=False):
            # Before the weights change: they may be what is added to.
            following = (weight * forward[None]).sum(1)
            goal.addcmul_(vector[:, None], forward[None], value=factor)
            forward = following
        target[-1][0].add_(forward, alpha=factors[-1])

    @property
    def gain(self) -> float:
        """Product of the weight scales: the output is this times that of the whitened weights."""
        return float(np.prod(self.sigmas))

    def _backward(self, weights):
        """Row vectors W_d ... W_{l+1} of the whitened weights for l = 0..d-1, each (n_l, networks)."""
        vectors = [weights[-1][0]]
        for weight in reversed(weights[:-1]):
            vectors.append((weight * vectors[-1][:, None]).sum(0))
        return vectors[::-1]

    def _residuals(self, vector):
        return torch.addmm(self.targets[:, None], self.images, vector, beta=-1, alpha=self.gain)


@dataclass(frozen=True)
class Rung:
    """The ensemble at one inverse temperature of the ladder.

    ``average_loss`` is each network's mean of L over the second half of the rung's moves, shape (networks,).
    """

    beta: float
    weights: Weights
    average_loss: Tensor
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
    positive("first_step", first_step)
    groups = streams.groups(numbers_of_network(weights))
    chains = [Chains(networks, part, group, first_step) for part, group in in_groups(weights, groups)]
    for beta in betas:
        inverse_temperature(beta)
        for chain in chains:
            chain.advance(beta, moves, leapfrogs, target, jitter)
        together = [torch.cat(parts, dim=-1) for parts in zip(*(chain.weights for chain in chains), strict=True)]
        average = torch.cat([chain.average for chain in chains])
        acceptance = torch.cat([chain.acceptance for chain in chains])
        yield Rung(beta, together, average, acceptance, torch.cat([chain.log_step for chain in chains]).exp())


def in_groups(weights: Weights, groups: Sequence[Streams]) -> list[tuple[Weights, Streams]]:
    """Copies of the weights of each group of seeds, with its streams."""
    sizes = [len(group.generators) * group.networks for group in groups]
    parts = zip(*(weight.split(sizes, dim=-1) for weight in weights), strict=True)
    return [([weight.clone() for weight in part], group) for part, group in zip(parts, groups, strict=True)]


class Chains:
    """Hamiltonian Monte Carlo chains of a group of seeds.

    Attributes
    ----------
    weights, loss
        Where the chains are, and L there.
    log_step
        Logarithm of the step, one a seed.
    average, acceptance
        Of the second half of the last rung: mean of L, one a network, and acceptance of full moves, one a seed.
    """

    def __init__(self, networks: LinearNetworks, weights: Weights, streams: Streams, first_step: float):
        self.networks, self.weights, self.streams = networks, weights, streams
        self.loss = networks.loss(weights)
        self.log_step = self.loss.new_full((len(streams.generators),), float(np.log(first_step)))
        self.average, self.acceptance = torch.zeros_like(self.loss), torch.zeros_like(self.log_step)

    def advance(
        self, beta: float, moves: int, leapfrogs: int, target: float, jitter: float, adapts: bool = True
    ) -> None:
        """``moves`` trajectories at one inverse temperature; the step ``adapts`` in their first half, or not at all."""
        met = []
        self.average.zero_()
        for move in range(moves):
            scale = STEP_SCALES[move % len(STEP_SCALES)]
            spread = self.streams.spread(self.log_step.exp())
            probability = self.move(beta, spread * scale * (1 + jitter * (2 * self.streams.uniform() - 1)), leapfrogs)
            if 2 * move >= moves:
                self.average.add_(self.loss)
            if scale == 1 and 2 * move < moves and adapts:
                self.log_step = self.log_step + self.streams.average(probability) - target
            elif scale == 1:
                met.append(self.streams.average(probability))
        self.average /= moves - -(-moves // 2)
        self.acceptance = torch.stack(met).mean(0)

    def move(self, beta: float, step: Tensor, leapfrogs: int) -> Tensor:
        """One Metropolis-corrected trajectory of every network with a step of shape (networks,).

        Returns the probabilities with which the trajectories are accepted.
        """
        momenta = [self.streams.normal(*weight.shape[:2]) for weight in self.weights]
        dice = self.streams.uniform()
        probability = torch.empty_like(dice)
        for block in blocks(self.weights):
            old, now = [weight[..., block] for weight in self.weights], [momentum[..., block] for momentum in momenta]
            start = beta * self.loss[block] + half_square(old) + half_square(now)
            new, velocities = [weight.clone() for weight in old], [momentum.mul_(step[block]) for momentum in now]
            leapfrog(self.networks, new, velocities, beta, step[block], leapfrogs)
            loss = self.networks.loss(new)
            end = beta * loss + half_square(new) + half_square(velocities) / step[block].square()
            # An unstable trajectory has an infinite or undefined energy: never accepted.
            probability[block] = torch.nan_to_num((start - end).exp_(), nan=0.0).clamp_(max=1)
            accept = dice[block] < probability[block]
            for current, proposed in zip([*old, self.loss[block]], [*new, loss], strict=True):
                current.copy_(torch.where(accept, proposed, current))
        return probability


def leapfrog(
    networks: LinearNetworks, weights: Weights, velocities: Weights, beta: float, step: Tensor, count: int
) -> None:
    """``count`` leapfrog steps in place; ``velocities`` are the momenta times the ``step`` of their network."""
    square = step.square()

    def kick(factor):
        for velocity, weight in zip(velocities, weights, strict=True):
            velocity.addcmul_(weight, square, value=-factor)
        networks.push(velocities, weights, square * (-factor * beta))

    kick(0.5)
    for left in reversed(range(count)):
        for weight, velocity in zip(weights, velocities, strict=True):
            weight.add_(velocity)
        kick(1.0 if left else 0.5)


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
    ends = []
    for chain, group in in_groups(weights, streams.groups(numbers_of_network(weights))):
        for _ in range(steps):
            langevin_step(networks, chain, beta, group, step_size, batch_size, tamed)
        ends.append(chain)
    return [torch.cat(parts, dim=-1) for parts in zip(*ends, strict=True)]


def langevin_step(
    networks: LinearNetworks,
    weights: Weights,
    beta: float,
    streams: Streams,
    step_size: float,
    batch_size: int | None,
    tamed: bool,
) -> None:
    """One step of :func:`langevin`, in place."""
    mask, count = None, len(networks.targets)
    if batch_size is not None and batch_size < count:
        ranks = streams.uniform(count).argsort(0).argsort(0)
        mask = (ranks < batch_size) * (count / batch_size)
    noise = [streams.normal(*weight.shape[:2]) for weight in weights]
    for block in blocks(weights):
        part = [weight[..., block] for weight in weights]
        drift = [weight.clone() for weight in part]
        networks.push(drift, part, beta, mask=mask if mask is None else mask[:, block])
        scale = step_size / (1 + step_size * (2 * half_square(drift)).sqrt_()) if tamed else torch.tensor(step_size)
        for weight, slope, random in zip(part, drift, noise, strict=True):
            weight.addcmul_(slope, scale, value=-1).add_(random[..., block], alpha=(2 * step_size) ** 0.5)


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
    whitened_rates = [1 / s**2 for s in networks.sigmas]
    everywhere = torch.arange(len(step), device=step.device)
    active = [everywhere[block] for block in blocks(weights)]
    current = [[weight[..., members].contiguous() for weight in weights] for members in active]
    taken = 0
    while active and taken < max_steps:
        made = min(check_every, max_steps - taken)
        taken += made
        for block in current:
            for _ in range(made):
                networks.push(block, block, -rate, whitened_rates)
        converged = [networks.loss(block) < tolerance for block in current]
        for members, block, done in zip(active, current, converged, strict=True):
            step[members[done]] = taken
            for target, weight in zip(final, block, strict=True):
                target[..., members[done]] = weight[..., done]
        active, current = remaining(active, current, converged)
    for members, block in zip(active, current, strict=True):
        for target, weight in zip(final, block, strict=True):
            target[..., members] = weight
    return Descent(final, networks.loss(final), step)


def remaining(
    active: list[Tensor], current: list[Weights], converged: list[Tensor]
) -> tuple[list[Tensor], list[Weights]]:
    """Indices and weights of the networks that have not converged, in as few blocks as hold them."""
    if not any(done.any() for done in converged):
        return active, current
    members = torch.cat([each[~done] for each, done in zip(active, converged, strict=True)])
    kept = [[weight[..., ~done] for weight in block] for block, done in zip(current, converged, strict=True)]
    weights = [torch.cat(parts, dim=-1) for parts in zip(*kept, strict=True)]
    parts = blocks(weights)
    return [members[part] for part in parts], [[weight[..., part].contiguous() for weight in weights] for part in parts]


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
