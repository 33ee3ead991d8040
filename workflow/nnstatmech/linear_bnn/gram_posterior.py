"""Posterior of a deep linear network with several outputs, over the Gram matrix of its upper layers.

Given A = W_d ... W_2 the outputs f = A W_1 x are Gaussian processes with covariance (s_1² x·x') G, G = A Aᵀ, so that
evidence, means and losses are sums over the eigenvalues of both matrices. The prior of G is that of T Tᵀ, with

    T = s_d ... s_2 T_d ... T_2,

independent lower-trapezoidal factors (Bartlett's decomposition, layer by layer): the diagonal of T_l is χ with
n_{l-1} - i degrees of freedom (i from 0), what is below is N(0, 1). A few dozen numbers, whatever the widths, stand for
all weights.

Chains are the first axis of all arrays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .domain import finite, weight_scales, whole_widths


@dataclass(frozen=True)
class TrainingDirections:
    """Images (P, N) and targets (P, K) in the eigenbasis of the images' Gram matrix.

    Attributes
    ----------
    eigenvalues
        λ of s_1² X Xᵀ, shape (P,).
    targets
        Uᵀ Y, shape (P, K).
    test
        Uᵀ (s_1² X x*), shape (P,), of one unseen image.
    """

    eigenvalues: np.ndarray
    targets: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, images, targets, test_image, first_scale: float):
        images, targets = finite("images", images), finite("targets", targets)
        values, vectors = np.linalg.eigh(first_scale**2 * images @ images.T)
        along = first_scale**2 * (images @ finite("test image", test_image))
        return cls(np.maximum(values, 0.0), vectors.T @ targets, vectors.T @ along)


def log_likelihood(gram: np.ndarray, training: TrainingDirections, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """ln E[exp(-β L) | G] of each Gram matrix (chains, K, K), shape (chains,), and its derivative by G.

    -½ Σ_ik [ln(1 + βλ_iγ_k) + β ỹ_ik² / (1 + βλ_iγ_k)] with the eigenvalues γ of G. The derivative holds for
    degenerate eigenvalues too.
    """
    gamma, vectors = eigenbasis(gram)
    signal = 1 + beta * training.eigenvalues[:, None] * gamma[:, None, :]
    rotated = training.targets @ vectors
    scaled = rotated / signal
    value = -0.5 * (np.log(signal).sum((1, 2)) + beta * (rotated * scaled).sum((1, 2)))
    weights = beta * training.eigenvalues[:, None]
    inner = -beta * (weights * scaled).mT @ scaled
    inner[:, range(gamma.shape[1]), range(gamma.shape[1])] += (weights / signal).sum(1)
    return value, -0.5 * vectors @ inner @ vectors.mT


def eigenbasis(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, none below 0, and eigenvectors."""
    gamma, vectors = np.linalg.eigh(gram)
    return np.maximum(gamma, 0.0), vectors


def mean_loss(gram: np.ndarray, training: TrainingDirections, beta: float) -> np.ndarray:
    """Mean of L = ½ Σ (f - y)² given G and the data, shape (chains,)."""
    gamma, vectors = eigenbasis(gram)
    scaled = training.eigenvalues[:, None] * gamma[:, None, :]
    signal = 1 + beta * scaled
    return 0.5 * (scaled / signal + (training.targets @ vectors / signal) ** 2).sum((1, 2))


def mean_outputs(gram: np.ndarray, training: TrainingDirections, beta: float) -> np.ndarray:
    """Mean outputs for the unseen image given G and the data, shape (chains, K)."""
    gamma, vectors = eigenbasis(gram)
    signal = 1 + beta * training.eigenvalues[:, None] * gamma[:, None, :]
    along = (training.test[:, None] * (training.targets @ vectors) / signal).sum(1)
    return np.einsum("ckl,cl->ck", vectors, beta * gamma * along)


@dataclass(frozen=True)
class BartlettPrior:
    """Prior of the factors of G, written one after the other as a vector.

    Attributes
    ----------
    shapes
        (rows, columns) of T_d, ..., T_2.
    degrees
        n_{l-1} of each factor: its diagonal is χ with n_{l-1} - i degrees of freedom.
    scale
        s_d ... s_2.
    """

    shapes: tuple[tuple[int, int], ...]
    degrees: tuple[int, ...]
    scale: float

    @classmethod
    def of(cls, hidden_widths: Sequence[int], outputs: int, sigmas: Sequence[float]):
        """Of a network with hidden widths n_1..n_{d-1}, at least one, and the d weight scales."""
        widths = whole_widths("hidden widths", hidden_widths)
        scales = weight_scales(sigmas, widths)
        rows, shapes = outputs, []
        for width in reversed(widths):
            shapes.append((rows, min(rows, width)))
            rows = min(rows, width)
        return cls(tuple(shapes), tuple(reversed(widths)), float(np.prod(scales[1:])))

    @property
    def positions(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows and columns of the numbers of each factor: on and below the diagonal."""
        places = (np.tril_indices(rows, 0, columns) for rows, columns in self.shapes)
        return [(rows, columns) for rows, columns in places]

    @property
    def powers(self) -> np.ndarray:
        """n - i - 1 of the density |t|^(n-i-1) exp(-t²/2) on a diagonal, 0 below it."""
        parts = [
            np.where(rows == columns, degrees - columns - 1, 0)
            for (rows, columns), degrees in zip(self.positions, self.degrees, strict=True)
        ]
        return np.concatenate(parts).astype(float)

    def draw(self, chains: int, generator: np.random.Generator) -> np.ndarray:
        """Prior draws with positive diagonals, shape (chains, numbers)."""
        numbers = generator.standard_normal((chains, len(self.powers)))
        diagonal = np.concatenate([rows == columns for rows, columns in self.positions])
        numbers[:, diagonal] = np.sqrt(generator.chisquare(self.powers[diagonal] + 1, (chains, diagonal.sum())))
        return numbers

    def factors(self, numbers: np.ndarray) -> list[np.ndarray]:
        """T_d, ..., T_2 of each chain."""
        factors, start = [], 0
        for shape, (rows, columns) in zip(self.shapes, self.positions, strict=True):
            factor = np.zeros((len(numbers), *shape))
            factor[:, rows, columns] = numbers[:, start : start + len(rows)]
            factors.append(factor)
            start += len(rows)
        return factors

    def gram(self, numbers: np.ndarray) -> np.ndarray:
        """G = T Tᵀ of each chain, shape (chains, K, K)."""
        root = self.scale * product(self.factors(numbers))
        return root @ root.mT

    def log_posterior(
        self, numbers: np.ndarray, training: TrainingDirections, beta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """ln of prior times likelihood, up to a constant, and its derivative by the numbers."""
        factors = self.factors(numbers)
        root = self.scale * product(factors)
        value, slope = log_likelihood(root @ root.mT, training, beta)
        by_root = 2 * self.scale * slope @ root
        gradients = []
        for index, (rows, columns) in enumerate(self.positions):
            by_factor = by_root
            if index:
                by_factor = product(factors[:index]).mT @ by_factor
            if index + 1 < len(factors):
                by_factor = by_factor @ product(factors[index + 1 :]).mT
            gradients.append(by_factor[:, rows, columns])
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.where(self.powers > 0, self.powers * np.log(np.abs(numbers)), 0.0)
            push = np.where(self.powers > 0, self.powers / numbers, 0.0)
        value = value + np.sum(logarithm - numbers**2 / 2, axis=1)
        return value, np.concatenate(gradients, axis=1) + push - numbers


def product(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Product of matrices from left to right."""
    result = factors[0]
    for factor in factors[1:]:
        result = result @ factor
    return result


def draw_grams(
    prior: BartlettPrior, training: TrainingDirections, beta: float, generator: np.random.Generator, **settings
) -> Iterator[np.ndarray]:
    """Hamiltonian Monte Carlo over the Bartlett factors: the Gram matrices (chains, K, K) of each draw.

    Diagonals take either sign, so that a chain can pass 0. ``settings`` are those of :func:`sample`.
    """
    return map(prior.gram, sample(prior, training, beta, generator, **settings))


class Coordinates(Protocol):
    """What :func:`sample` needs: draws from the prior, and the logarithm of prior times likelihood with its slope."""

    def draw(self, chains: int, generator: np.random.Generator, /) -> np.ndarray:
        """Numbers (chains, numbers)."""
        ...

    def log_posterior(self, numbers: np.ndarray, training: Any, beta: float, /) -> tuple[np.ndarray, np.ndarray]:
        """Value (chains,) and derivative (chains, numbers)."""
        ...


def sample(
    prior: Coordinates,
    training: Any,
    beta: float,
    generator: np.random.Generator,
    *,
    chains: int = 32,
    warm_up: int = 200,
    draws: int = 300,
    leapfrogs: int = 10,
    target: float = 0.8,
) -> Iterator[np.ndarray]:
    """Hamiltonian Monte Carlo from prior draws: the numbers (chains, numbers) of each draw.

    In the first half of the warm-up β rises from .01 and in all of it the common step adapts; scales of the numbers are
    those of the pooled chains.
    """
    place = prior.draw(chains, generator)
    log_step, deviation = np.log(0.1), np.ones(place.shape[1])
    ladder = np.geomspace(min(0.01, beta), beta, max(warm_up // 2, 1))
    for move in range(warm_up + draws):
        now = ladder[min(move, len(ladder) - 1)]
        step = np.exp(log_step) * (1 + 0.4 * (2 * generator.random((chains, 1)) - 1))
        place, probability = trajectory(prior, training, now, place, step * deviation, leapfrogs, generator)
        if move < warm_up:
            log_step += (np.mean(probability) - target) / np.sqrt(1 + move / 20)
            if move % 10 == 9:
                deviation = np.maximum(np.std(np.abs(place), axis=0), 1e-6)
        else:
            yield place


def trajectory(prior, training, beta, place, step, leapfrogs, generator):
    """One Metropolis-corrected trajectory of every chain, and the probabilities with which they are accepted."""
    momenta = generator.standard_normal(place.shape)
    dice = generator.random(len(place))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, slope = prior.log_posterior(place, training, beta)
        start = value - 0.5 * np.sum(momenta**2, axis=1)
        new = place
        for leap in range(leapfrogs):
            momenta = momenta + (0.5 if leap == 0 else 1.0) * step * slope
            new = new + step * momenta
            new = np.where(np.isfinite(new).all(1, keepdims=True), new, place)
            value, slope = prior.log_posterior(new, training, beta)
        momenta = momenta + 0.5 * step * slope
        change = value - 0.5 * np.sum(momenta**2, axis=1) - start
        probability = np.exp(np.minimum(np.where(np.isfinite(change), change, -np.inf), 0.0))
    return np.where((dice < probability)[:, None], new, place), probability
