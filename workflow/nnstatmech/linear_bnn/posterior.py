"""Exact posterior of a finite linear network with a scalar output, at every inverse temperature.

The posterior is P(W) exp(-beta L(W)) / Z with the Gaussian prior P and the loss L = 1/2 sum (f(x_mu) - y_mu)^2.
Given the scale u of its kernel (see :mod:`nnstatmech.linear_bnn.kernel_scale`) the network is a Gaussian process with
kernel u x.x', so the posterior is a mixture over u of Gaussian process regressions, each a sum over the directions that
the images span (see :mod:`nnstatmech.linear_bnn.spectrum`). The integral over u is taken around the maxima of prior
times likelihood, however far from the prior they are.

At beta = inf, the zero-temperature limit, the network is conditioned on the least loss that a linear function of the
images can have. That is 0 for linearly independent images; with more images than pixels, or equal images with
different targets, what remains of the loss is the same for every network and drops out.

Two Gaussian approximations are kept beside: the Gaussian process of infinite width, where u does not fluctuate,
and the saddle of the integral over u, which stays exact where images and width grow together (kernel
renormalisation, Li and Sompolinsky 2021).
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logsumexp

from . import kernel_scale
from .domain import finite, inverse_temperature, weight_scales, whole_widths
from .gaussian_mixture import GaussianMixture
from .integrand import SCAN, resolving_grid
from .kernel_scale import KernelScale
from .spectrum import Spectrum, log_signal

DISTANCES = np.geomspace(0.1, 1000.0, 200)
"""From the centre of the prior of t, at which the ends of the interval that holds all maxima are looked for."""

COLLAPSED = KernelScale(np.array([-np.inf]), np.zeros(1))
"""The law of a kernel that vanishes."""


class Posterior:
    """Posterior of a linear network of given widths after training images and targets.

    Parameters
    ----------
    images
        Inputs X, shape (P, N), any numbers of images and pixels.
    targets
        y, shape (P,).
    hidden_widths, sigmas
        n_1..n_{d-1} and the standard deviations of the d weight matrices.

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is outside of its domain.
    """

    def __init__(self, images, targets, hidden_widths: Sequence[int], sigmas: Sequence[float]):
        self._set(Spectrum.of(images, targets), hidden_widths, sigmas)

    @classmethod
    def of_spectrum(cls, spectrum: Spectrum, hidden_widths: Sequence[int], sigmas: Sequence[float]) -> "Posterior":
        """The same from the directions of a training set; ``Spectrum.of_moments`` finds those of many images.

        Raises
        ------
        ValueError
            If a width or weight scale is outside of its domain.
        """
        posterior = cls.__new__(cls)
        posterior._set(spectrum, hidden_widths, sigmas)
        return posterior

    def _set(self, spectrum: Spectrum, hidden_widths: Sequence[int], sigmas: Sequence[float]) -> None:
        self.spectrum = spectrum
        self.hidden_widths = whole_widths("hidden widths", hidden_widths)
        self.sigmas = weight_scales(sigmas, self.hidden_widths)
        self._scales: dict[float, tuple[KernelScale, np.ndarray]] = {}

    @cached_property
    def mean_scale(self) -> float:
        """E u under the prior: the kernel scale of the Gaussian process of infinite width."""
        return kernel_scale.mean(self.hidden_widths, self.sigmas)

    @property
    def least_loss(self) -> float:
        """Smallest loss of any linear function of the images: 0 if they are linearly independent."""
        return self.spectrum.least_loss

    def log_evidence(self, beta: float) -> float:
        """ln Z(beta) = ln of the prior mean of exp(-beta L); beta = inf is refused (Z -> 0)."""
        if not np.isfinite(inverse_temperature(beta)):
            raise ValueError("beta = inf: ln Z diverges")
        scale, _ = self.scale_posterior(beta)
        log_mean = logsumexp(scale.log_weight + self.spectrum.log_likelihood(scale.t, beta))
        return float(log_mean - beta * self.least_loss)

    def scale_posterior(self, beta: float) -> tuple[KernelScale, np.ndarray]:
        """Grid over the kernel scale, with its prior, and the posterior probability of each of its points.

        At beta = inf the posterior of targets that are all 0 collapses to a vanishing kernel, unless every hidden
        layer is wider than the number of independent images.

        Raises
        ------
        ValueError
            If beta is negative or NaN, or the posterior is beyond what floating-point numbers resolve.
        """
        beta = inverse_temperature(beta)
        if beta not in self._scales:
            scale = self._resolving_scale(beta)
            log_weight = scale.log_weight + self.spectrum.log_likelihood(scale.t, beta) if len(scale.t) > 1 else 0.0
            self._scales[beta] = scale, np.exp(log_weight - logsumexp(log_weight, keepdims=True)).reshape(-1)
        return self._scales[beta]

    def mean_loss(self, beta: float) -> float:
        """Posterior mean of L = -d ln Z / d beta."""
        return self.least_loss + self.excess_loss(beta)

    def excess_loss(self, beta: float) -> float:
        """Posterior mean of L above :attr:`least_loss`, accurate however small: rank / (2 beta) at low temperature."""
        scale, weights = self.scale_posterior(beta)
        return float(weights @ self.spectrum.excess_loss(scale.t, beta))

    def predictive(self, beta: float, image) -> GaussianMixture:
        """Law of the output f(x) for one ``image`` x of shape (N,)."""
        scale, weights = self.scale_posterior(beta)
        means, variances = self.spectrum.process(scale.t, beta, self._checked(image))
        kept = weights > 0
        return GaussianMixture(weights[kept], means[kept], np.sqrt(variances[kept]))

    def mean_weights(self, beta: float) -> np.ndarray:
        """Posterior mean w̄ of the end-to-end vector, shape (N,): the mean output for an image x is w̄·x."""
        scale, weights = self.scale_posterior(beta)
        return self.spectrum.mean_weights(scale.t, weights, beta)

    def draw(self, beta: float, count: int, generator: np.random.Generator) -> np.ndarray:
        """``count`` end-to-end vectors from the posterior, shape (count, N): functions of all images at once."""
        scale, weights = self.scale_posterior(beta)
        spectrum = self.spectrum
        t = scale.t[generator.choice(len(weights), count, p=weights)]
        signal = log_signal(2 * t[:, None] + spectrum.log_eigenvalues, beta)
        noise = generator.standard_normal((count, spectrum.directions.shape[1]))
        along = noise @ spectrum.directions.T
        mean = expit(signal) * spectrum.targets / spectrum.lengths
        root = np.exp(t)[:, None]
        beside = root * (noise - along @ spectrum.directions)
        return beside + (mean + root * np.sqrt(expit(-signal)) * along) @ spectrum.directions

    def wide_predictive(self, beta: float, image) -> GaussianMixture:
        """Law of f(x) for the Gaussian process of infinite width."""
        return self.process_at(self.mean_scale, beta, image)

    def process_at(self, u: float, beta: float, image) -> GaussianMixture:
        """Law of f(x) for a Gaussian process of the one kernel scale ``u``."""
        if not 0 <= u < np.inf:
            raise ValueError(f"u = {u}: a kernel scale is a finite number, at least 0")
        mean, variance = self.spectrum.process(log_root(u), inverse_temperature(beta), self._checked(image))
        return GaussianMixture(np.ones(1), mean, np.sqrt(variance))

    def wide_mean_weights(self, beta: float) -> np.ndarray:
        """Mean of the end-to-end vector for the Gaussian process of infinite width, shape (N,)."""
        return self.spectrum.mean_weights(log_root(self.mean_scale), np.ones(1), inverse_temperature(beta))

    def wide_log_evidence(self, beta: float) -> float:
        """ln Z(beta) for the Gaussian process of infinite width."""
        likelihood = self.spectrum.log_likelihood(log_root(self.mean_scale), inverse_temperature(beta))
        return float(likelihood[0]) - beta * self.least_loss

    def wide_mean_loss(self, beta: float) -> float:
        """Mean of L for the Gaussian process of infinite width."""
        excess = self.spectrum.excess_loss(log_root(self.mean_scale), inverse_temperature(beta))
        return self.least_loss + float(excess[0])

    def renormalised_scale(self, beta: float) -> float:
        """Saddle point of the kernel scale u: the highest, if there are several.

        With u = E[u] prod q_l it solves n_l (1 - q_l) = A(u), where A is the derivative of minus the log
        likelihood by ln u, times two; for one hidden layer at beta = inf this reads
        1 - u/E[u] = (r/n)(1 - S/u) with the number r of independent images and S = y^T K^-1 y / r.
        """
        beta = inverse_temperature(beta)
        if not self.hidden_widths or self.spectrum.rank == 0:
            return self.mean_scale
        widths = np.asarray(self.hidden_widths, float)
        if self._collapses(beta):
            return 0.0
        narrowest = widths.min()

        # The unknown is s = ln q of the narrowest layer; all q_l > 0 then, however small.
        def factors(s):
            return 1 - narrowest / widths + narrowest / widths * np.exp(np.asarray(s)[..., None])

        def roots(s):
            return 0.5 * (np.log(self.mean_scale) + np.sum(np.log(factors(s)), axis=-1))

        def excess(s):
            return -narrowest * np.expm1(s) - self.spectrum.pull(np.atleast_1d(roots(s)), beta)

        def height(s):
            entropy = np.sum(widths / 2 * (np.log(factors(s)) - factors(s)))
            return entropy + self.spectrum.log_likelihood(np.atleast_1d(roots(s)), beta)[0]

        low, high = self._saddle_interval(beta, narrowest)
        s = np.linspace(low, high, int((high - low) / SCAN) + 2)
        values = excess(s)
        brackets = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
        saddles = [brentq(lambda s: excess(s)[0], s[i], s[i + 1], xtol=1e-14, rtol=1e-14) for i in brackets]
        return float(np.exp(2 * roots(max(saddles, key=height))))

    def _saddle_interval(self, beta: float, narrowest: float) -> tuple[float, float]:
        """Values of s below and above which there is no saddle, because u is below or above E[u] exp(s)."""
        spectrum = self.spectrum
        if np.isfinite(beta):
            learnt = beta * np.sum(spectrum.lengths**2)
            low = np.log(narrowest / 2) - np.log(max(learnt, 1e-300) * self.mean_scale)
        elif spectrum.square_norm > 0:
            low = np.log(spectrum.square_norm / spectrum.rank / self.mean_scale)
        else:
            low = np.log1p(-spectrum.rank / narrowest)
        high = np.log(2 + np.sqrt(spectrum.square_norm / self.mean_scale / narrowest))
        return min(low, -np.log(2)) - 1, high + 1

    def _collapses(self, beta: float) -> bool:
        """Whether nothing holds the kernel scale above 0."""
        spectrum = self.spectrum
        return bool(beta == np.inf and spectrum.square_norm == 0 and 0 < min(self.hidden_widths) <= spectrum.rank)

    def _resolving_scale(self, beta: float) -> KernelScale:
        if not self.hidden_widths:
            return kernel_scale.scale_law((), self.sigmas)
        if self._collapses(beta):
            return COLLAPSED
        prior = kernel_scale.log_density(self.hidden_widths, self.sigmas)
        low, high = self._interval_of_maxima(prior, beta)
        grid = resolving_grid(lambda t: prior(t) + self.spectrum.log_likelihood(t, beta), low, high)
        return kernel_scale.on_grid(prior, grid)

    def _interval_of_maxima(self, prior, beta: float) -> tuple[float, float]:
        """Values of t below and above which prior times likelihood rises and falls.

        The slope of the prior falls with t. Minus the slope of the log likelihood is at most the number of learnt
        directions, which rises with t, or at beta = inf equal to rank - S/u with S the square norm; and its slope is at
        most S/u, which falls with t. So one comparison holds on the whole side.
        """
        centre = kernel_scale.centre_of(self.hidden_widths, self.sigmas)

        def slope(t):
            return (prior(t + 1e-3) - prior(t - 1e-3)) / 2e-3

        with np.errstate(over="ignore", invalid="ignore"):
            left, right = centre - DISTANCES, centre + DISTANCES
            push = self.spectrum.learnt(left, beta)
            if beta == np.inf:
                push = push - self.spectrum.square_norm * np.exp(-2 * left)
            rising = np.flatnonzero(slope(left) > push)
            falling = np.flatnonzero(~(-slope(right) <= self.spectrum.square_norm * np.exp(-2 * right)))
        if not rising.size or not falling.size:
            raise ValueError(f"beta = {beta}: the posterior of the kernel scale is out of all proportion to its prior")
        return float(left[rising[0]]), float(right[falling[0]])

    def _checked(self, image) -> np.ndarray:
        image = finite("image", image)
        pixels = self.spectrum.directions.shape[1]
        if image.shape != (pixels,):
            raise ValueError(f"image {image.shape}: the training images have {pixels} pixels")
        return image


def log_root(u: float) -> np.ndarray:
    """t = ln √u as an array of one number, -∞ at 0."""
    with np.errstate(divide="ignore"):
        return 0.5 * np.log(np.array([u], float))
