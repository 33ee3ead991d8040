"""Training images and targets in the directions that the images span, and what a kernel u x.x' makes of them.

With the singular value decomposition X = U diag(s) Vᵀ of the images every term of Gaussian process regression is a sum
over the directions v_i with λ_i = s_i². Directions in which the images do not extend are left out: whatever the targets
ask there (more images than pixels, equal images with different targets) is a constant of the loss that no network and
no temperature changes. All sums are over positive terms and in logarithms, so that they hold from β = 0 to β = ∞,
where noiseless conditioning is.

Functions take t = ln √u of shape (points,) and the inverse temperature β.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from .domain import finite

ROUNDING = 16 * np.finfo(float).eps
"""Of a singular value, relative to the largest one and for each row or column: what counts as no extension."""

CHUNK = 2**20
"""Numbers (points times directions) held at a time."""


@dataclass(frozen=True)
class Spectrum:
    """Training set in the directions of its images.

    Attributes
    ----------
    lengths
        Singular values s_i > 0 of the images, shape (rank,).
    directions
        v_i, shape (rank, pixels).
    targets
        Targets along the directions, ỹ = Uᵀ y, shape (rank,).
    least_loss
        ½ |y - U ỹ|², the loss of the best linear function.
    tolerance
        Lengths outside of the images' span, relative to the vector's, that are rounding.
    """

    lengths: np.ndarray
    directions: np.ndarray
    targets: np.ndarray
    least_loss: float
    tolerance: float

    @classmethod
    def of(cls, images, targets) -> "Spectrum":
        """Of ``images`` (P, N) and ``targets`` (P,).

        Raises
        ------
        ValueError
            If shapes do not agree, or a number is NaN or infinite.
        """
        images, targets = np.asarray(images, float), np.asarray(targets, float)
        if images.ndim != 2 or 0 in images.shape or targets.shape != images.shape[:1]:
            raise ValueError(f"images {images.shape} and targets {targets.shape}: (P, N) and (P,) are needed")
        finite("images", images)
        finite("targets", targets)
        tolerance = ROUNDING * max(images.shape)
        left, lengths, right = np.linalg.svd(images, full_matrices=False)
        kept = lengths > tolerance * lengths[0]
        along = left[:, kept].T @ targets
        beside = targets - left[:, kept] @ along
        fitted = beside @ beside <= tolerance**2 * (targets @ targets)
        return cls(lengths[kept], right[kept], along, 0.0 if fitted else float(beside @ beside / 2), tolerance)

    @classmethod
    def of_moments(cls, second_moments, cross_moments, square_targets: float) -> "Spectrum":
        """Of XᵀX (N, N), Xᵀy (N,) and y·y: all that a linear network can know of any number of images.

        Squares of lengths are found to N rounding errors of the largest, so that directions of less than 4e-7 of the
        longest count as none, where :meth:`of` resolves 1e-12; elsewhere the two agree.

        Raises
        ------
        ValueError
            If shapes do not agree, or a number is NaN or infinite.
        """
        second, cross = finite("second moments", second_moments), finite("cross moments", cross_moments)
        if second.ndim != 2 or 0 in second.shape or second.shape != cross.shape * 2:
            raise ValueError(f"second moments {second.shape} and cross moments {cross.shape}: (N, N) and (N,)")
        values, vectors = np.linalg.eigh(second)
        tolerance = ROUNDING * len(second)
        kept = values > tolerance * values[-1]
        lengths, directions = np.sqrt(values[kept][::-1]), vectors[:, kept][:, ::-1].T
        along = directions @ cross / lengths
        beside = max(float(square_targets) - float(along @ along), 0.0)
        least_loss = beside / 2 if beside > tolerance * square_targets else 0.0
        return cls(lengths, directions, along, least_loss, float(np.sqrt(tolerance)))

    @property
    def rank(self) -> int:
        return len(self.lengths)

    @cached_property
    def log_eigenvalues(self) -> np.ndarray:
        """ln λ_i of the Gram matrix."""
        return 2 * np.log(self.lengths)

    @cached_property
    def log_square_targets(self) -> np.ndarray:
        """ln ỹ_i²."""
        with np.errstate(divide="ignore"):
            return 2 * np.log(np.abs(self.targets))

    @cached_property
    def square_norm(self) -> float:
        """Σ ỹ_i²/λ_i, the square of the shortest weight vector that attains the least loss."""
        return float(np.sum((self.targets / self.lengths) ** 2))

    def log_likelihood(self, t, beta: float) -> np.ndarray:
        """ln of the mean of exp(-β (L - L_min)) given u; at β = ∞ up to a constant."""

        def terms(log_scaled):
            spread = np.logaddexp(0, log(beta) + log_scaled) if np.isfinite(beta) else log_scaled
            return -0.5 * (spread + np.exp(log_gain(log_scaled, beta) + self.log_square_targets))

        return self.total(t, terms)

    def excess_loss(self, t, beta: float) -> np.ndarray:
        """Mean of L - L_min given u."""

        def terms(log_scaled):
            variance = np.exp(-np.logaddexp(log(beta), -log_scaled))
            return 0.5 * (variance + (self.targets * expit(-log_signal(log_scaled, beta))) ** 2)

        return self.total(t, terms)

    def pull(self, t, beta: float) -> np.ndarray:
        """-2 d ln(likelihood) / d ln u: the number of directions that are learnt, less what the targets demand."""

        def terms(log_scaled):
            demand = np.exp(log_gain(log_scaled, beta) + self.log_square_targets)
            return expit(log_signal(log_scaled, beta)) * (1 - demand)

        return self.total(t, terms)

    def learnt(self, t, beta: float) -> np.ndarray:
        """Number of directions in which the images, not the prior, say what the output is: Σ βuλ / (1 + βuλ)."""
        return self.total(t, lambda log_scaled: expit(log_signal(log_scaled, beta)))

    def process(self, t, beta: float, image) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the output for an ``image`` (pixels,) given u, each of shape (points,)."""
        along = self.directions @ image
        beside = image - self.directions.T @ along
        # What is left of an image inside the span is rounding: noiseless networks agree on it exactly.
        square_beside = beside @ beside if beside @ beside > self.tolerance**2 * (image @ image) else 0.0
        mean = self.total(t, lambda scaled: along * self.targets / self.lengths * expit(log_signal(scaled, beta)))
        unexplained = self.total(t, lambda scaled: along**2 * expit(-log_signal(scaled, beta)))
        return mean, np.exp(2 * np.asarray(t)) * (square_beside + unexplained)

    def mean_weights(self, t, weights, beta: float) -> np.ndarray:
        """Mean of the end-to-end vector (N,) over points t of probabilities ``weights``, both (points,)."""
        parts = np.array_split(np.arange(len(weights)), max(1, len(weights) * self.rank // CHUNK))
        learnt = sum(
            weights[part] @ expit(log_signal(2 * np.asarray(t)[part, None] + self.log_eigenvalues, beta))
            for part in parts
        )
        return self.directions.T @ (learnt * self.targets / self.lengths)

    def total(self, t, terms: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Sum over the directions of a function of ln uλ (points, rank)."""
        t = np.asarray(t, float)
        parts = np.array_split(t, max(1, t.size * self.rank // CHUNK))
        # Beyond the range of floating-point numbers a likelihood is 0, and its logarithm -∞, which is right.
        with np.errstate(over="ignore"):
            return np.concatenate([np.sum(terms(2 * part[:, None] + self.log_eigenvalues), axis=1) for part in parts])


def log(beta: float) -> float:
    """ln β, -∞ at β = 0."""
    return float(np.log(beta)) if beta > 0 else -np.inf


def log_signal(log_scaled, beta: float):
    """ln βuλ; -∞ at u = 0 even if β = ∞: what a vanishing kernel cannot say no temperature makes heard."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(log_scaled), -np.inf, log(beta) + log_scaled)


def log_gain(log_scaled, beta: float):
    """ln of β / (1 + βuλ), from ln uλ."""
    return -np.logaddexp(-log(beta), log_scaled)
