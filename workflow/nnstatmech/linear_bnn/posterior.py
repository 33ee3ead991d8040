"""Exact posterior of a finite linear network with a scalar output, at every inverse temperature.

The posterior is P(W) exp(-beta L(W)) / Z with the Gaussian prior P and the loss L = 1/2 sum (f(x_mu) - y_mu)^2.
Given the scale u of its kernel (see :mod:`nnstatmech.linear_bnn.kernel_scale`) the network is a Gaussian
process with kernel u x.x', so the posterior is a mixture over u of Gaussian process regressions. One
eigendecomposition of the training images' Gram matrix K makes every term a sum over its eigenvalues.

Two Gaussian approximations are kept beside: the Gaussian process of infinite width, where u does not fluctuate,
and the saddle of the integral over u, which stays exact where images and width grow together (kernel
renormalisation, Li and Sompolinsky 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr

from . import kernel_scale
from .kernel_scale import KernelScale


@dataclass(frozen=True)
class GaussianMixture:
    """Law of one real output: components of given weights, means and standard deviations."""

    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.weights @ self.means)

    @property
    def variance(self) -> float:
        return float(self.weights @ (self.deviations**2 + (self.means - self.mean) ** 2))

    def pdf(self, h) -> np.ndarray:
        """Density at ``h`` of any shape."""
        scaled_weights = self.weights / self.deviations / np.sqrt(2 * np.pi)
        return self._chunked(h, lambda z: np.exp(-(z**2) / 2) @ scaled_weights)

    def cdf(self, h) -> np.ndarray:
        """P(output <= h)."""
        return self._chunked(h, lambda z: ndtr(z) @ self.weights)

    def _chunked(self, h, function):
        """``function`` of the standardised outputs, shape (points, components), a few thousand points at a time."""
        h = np.asarray(h, float)
        flat = h.ravel()
        parts = np.array_split(flat, max(1, flat.size // 4096))
        return np.concatenate([function((part[:, None] - self.means) / self.deviations) for part in parts]).reshape(
            h.shape
        )


WINDOWS = (60.0, 240.0, 1000.0, 4000.0)
"""Nats below the maximum of its prior at which the grid over the kernel scale ends, tried in this order."""


class Posterior:
    """Posterior of a linear network of given widths after training images and targets.

    Parameters
    ----------
    images
        Inputs X, shape (P, N).
    targets
        y, shape (P,).
    hidden_widths, sigmas
        n_1..n_{d-1} and the standard deviations of the d weight matrices.

    Raises
    ------
    ValueError
        If shapes do not agree.
    """

    def __init__(self, images, targets, hidden_widths: Sequence[int], sigmas: Sequence[float]):
        self.images, self.targets = np.asarray(images, float), np.asarray(targets, float)
        if self.images.ndim != 2 or self.targets.shape != self.images.shape[:1]:
            raise ValueError(f"images {self.images.shape} and targets {self.targets.shape}: (P, N) and (P,) are needed")
        self.hidden_widths, self.sigmas = tuple(hidden_widths), tuple(sigmas)
        if len(self.sigmas) != len(self.hidden_widths) + 1:
            raise ValueError(f"{len(self.sigmas)} weight scales for {len(self.hidden_widths) + 1} weight matrices")
        self._grids: dict[float, KernelScale] = {}
        eigenvalues, self._rotation = np.linalg.eigh(self.images @ self.images.T)
        # Rounding may leave the eigenvalues of a singular Gram matrix negative or tiny instead of zero.
        floor = len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]
        self.eigenvalues = np.where(eigenvalues > floor, eigenvalues, 0.0)
        self._rotated_targets = self._rotation.T @ self.targets

    @cached_property
    def mean_scale(self) -> float:
        """E u under the prior: the kernel scale of the Gaussian process of infinite width."""
        return kernel_scale.mean(self.hidden_widths, self.sigmas)

    def log_evidence(self, beta: float) -> float:
        """ln Z(beta) = ln of the prior mean of exp(-beta L); beta = inf is refused (Z -> 0)."""
        if not np.isfinite(beta):
            raise ValueError("ln Z diverges at beta = inf")
        scale, _ = self.scale_posterior(beta)
        return float(logsumexp(scale.log_weight + self._log_likelihood(scale.u, beta)))

    def scale_posterior(self, beta: float) -> tuple[KernelScale, np.ndarray]:
        """Grid over the kernel scale and the posterior probability of each of its points.

        The grid is the prior's, in a window that is widened until the posterior lies inside.

        Raises
        ------
        ValueError
            If no window holds the posterior (targets out of all proportion to the prior), or at beta = inf with
            linearly dependent images.
        """
        for window in WINDOWS:
            if window not in self._grids:
                points = int(800 * (window / WINDOWS[0]) ** 0.5)
                grid = kernel_scale.scale_law(self.hidden_widths, self.sigmas, points=points, drop=window)
                self._grids[window] = grid
            scale = self._grids[window]
            log_weight = scale.log_weight + self._log_likelihood(scale.u, beta)
            weights = np.exp(log_weight - logsumexp(log_weight))
            if is_resolved(scale, weights):
                return scale, weights
        raise ValueError(f"beta = {beta}: the posterior of the kernel scale is more than {window:g} nats off its prior")

    def mean_loss(self, beta: float) -> float:
        """Posterior mean of L = -d ln Z / d beta."""
        scale, weights = self.scale_posterior(beta)
        return float(weights @ self._loss_given(scale.u, beta))

    def predictive(self, beta: float, image) -> GaussianMixture:
        """Law of the output f(x) for one ``image`` x of shape (N,)."""
        scale, weights = self.scale_posterior(beta)
        means, variances = self._process(scale.u, beta, np.asarray(image, float))
        kept = weights > 0
        return GaussianMixture(weights[kept], means[kept], np.sqrt(variances[kept]))

    def wide_predictive(self, beta: float, image) -> GaussianMixture:
        """Law of f(x) for the Gaussian process of infinite width."""
        return self.process_at(self.mean_scale, beta, image)

    def process_at(self, u: float, beta: float, image) -> GaussianMixture:
        """Law of f(x) for a Gaussian process of the one kernel scale ``u``."""
        mean, variance = self._process(np.array([u]), beta, np.asarray(image, float))
        return GaussianMixture(np.ones(1), mean, np.sqrt(variance))

    def wide_mean_loss(self, beta: float) -> float:
        """Mean of L for the Gaussian process of infinite width."""
        return float(self._loss_given(np.array([self.mean_scale]), beta)[0])

    def renormalised_scale(self, beta: float) -> float:
        """Saddle point of the kernel scale u.

        With u = E[u] prod q_l it solves n_l (1 - q_l) = A(u), where A is the derivative of minus the log
        likelihood by ln u, times two; for one hidden layer at beta = inf this reads
        1 - u/E[u] = (P/n)(1 - r/u) with r = y^T K^-1 y / P.
        """
        widths = np.asarray(self.hidden_widths, float)
        if not widths.size:
            return self.mean_scale

        def scale(pull):
            return self.mean_scale * np.prod(1 - pull / widths)

        def excess(pull):
            return pull - self._pull(scale(pull), beta)

        narrowest = float(widths.min())
        low = -1.0
        while excess(low) > 0:
            low *= 2
        return float(scale(brentq(excess, low, narrowest * (1 - 1e-12), xtol=1e-12)))

    def _gain(self, u, beta):
        """beta u / (1 + beta u lambda) for every scale and eigenvalue, shape (points, P)."""
        u = np.asarray(u)[:, None]
        if np.isfinite(beta):
            return beta * u / (1 + beta * u * self.eigenvalues)
        if not np.all(self.eigenvalues > 0):
            raise ValueError("beta = inf needs linearly independent images")
        return np.broadcast_to(1 / self.eigenvalues, (len(u), len(self.eigenvalues)))

    def _log_likelihood(self, u, beta):
        """ln of the mean of exp(-beta L) given u, shape (points,); at beta = inf up to a constant."""
        gain, u = self._gain(u, beta), np.asarray(u)[:, None]
        spread = np.log1p(beta * u * self.eigenvalues) if np.isfinite(beta) else np.log(u * self.eigenvalues)
        return -0.5 * np.sum(spread + gain * self._rotated_targets**2 / u, axis=1)

    def _loss_given(self, u, beta):
        """Mean of L given u, shape (points,)."""
        if not np.isfinite(beta):
            return np.zeros(len(u))
        shrink = 1 / (1 + beta * np.asarray(u)[:, None] * self.eigenvalues)
        variance = np.asarray(u)[:, None] * self.eigenvalues * shrink
        return 0.5 * np.sum(variance + (self._rotated_targets * shrink) ** 2, axis=1)

    def _pull(self, u, beta):
        """-2 d (log likelihood) / d ln u."""
        gain = self._gain(np.array([u]), beta)[0]
        return float(np.sum(gain * self.eigenvalues * (1 - gain * self._rotated_targets**2 / u)))

    def _process(self, u, beta, image):
        """Mean and variance of f(x) given u, each of shape (points,)."""
        overlap = self._rotation.T @ (self.images @ image)
        gain = self._gain(u, beta)
        mean = gain @ (overlap * self._rotated_targets)
        explained = gain @ overlap**2
        return mean, np.maximum(u * (image @ image - explained), 0.0)


def is_resolved(scale: KernelScale, weights: np.ndarray) -> bool:
    """Whether a posterior ends inside its grid and is wide enough for sums over the grid to be exact."""
    if len(weights) == 1:
        return True
    deviation = np.sqrt(np.cov(scale.t, aweights=weights, ddof=0))
    return max(weights[0], weights[-1]) < 1e-12 and deviation > 1.5 * scale.step
