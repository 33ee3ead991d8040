"""State evolution of a committee with binary weights whose student knows its teacher's architecture.

K units z_k = Σ_i W_ki x_i/√N of weights ±1 and Gaussian inputs vote: y = sign Σ_k sign z_k, where sign 0 = 0 (two units
have three outcomes). In the limit N → ∞ at P = αN patterns the Bayes-optimal estimate is described by the K × K
matrix of overlaps q = m W*ᵀ/N (Aubin, Maillard, Barbier, Krzakala, Macris, Zdeborová 2018)::

    q̂ = α E[g gᵀ],    q = E[m W*ᵀ] with m = ⟨w⟩ in the field q̂ w* + √q̂ ξ under e^{−wᵀ q̂ w/2}

Exchanging units is a symmetry. A student that has not broken it has q = q_a everywhere; specialised units have q_kk
above the q_kl of two different ones.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

REACH = 5.0  # of the grid of preactivations, in standard deviations
NODES = {1: 401, 2: 101, 3: 41}  # of it in each of the K directions: q is right up to about 1 − (REACH/NODES)²
WEIGHT_NODES = 16  # of a Gauss-Hermite rule for the fields on the weights
PATH_NODES, PATH_WEIGHTS = (np.polynomial.legendre.leggauss(20)[0] + 1) / 2, np.polynomial.legendre.leggauss(20)[1] / 2
LARGEST_OVERLAP = 0.999
RECOVERED = 0.99  # above it the grid is too coarse, and sweeps go on to the teacher itself
SMALLEST_PROBABILITY = 1e-10  # below it a chance is rounding error; g of such an outcome counts for nothing

Array = NDArray[np.float64]


@cache
def ordered_grid(units: int) -> tuple[Array, Array]:
    """Ordered points (S, K) and weights (S,) for functions of K standard normals that do not mind their order."""
    x = np.linspace(-REACH, REACH, NODES[units])
    index = np.array(list(itertools.combinations_with_replacement(range(len(x)), units)))
    weights = np.exp(-(x[index] ** 2).sum(1) / 2)
    for position, point in enumerate(index):
        counts = np.unique(point, return_counts=True)[1]
        weights[position] *= math.factorial(units) / math.prod(math.factorial(count) for count in counts)
    return x[index], weights / weights.sum()


@cache
def gaussian_grid(units: int) -> tuple[Array, Array]:
    """Points (S, K) and weights (S,) of expectations over K standard normals."""
    x, w = np.polynomial.hermite_e.hermegauss(WEIGHT_NODES)
    points = np.array(list(itertools.product(x, repeat=units)))
    weights = np.prod(list(itertools.product(w / w.sum(), repeat=units)), axis=1)
    return points, weights


@cache
def states(units: int) -> Array:
    """The 2^K vectors of ±1."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=units)))


def density(a: Array) -> Array:
    return np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi)


def mean_sign(a: Array) -> Array:
    return 2 * ndtr(a) - 1


def mean_pair(a: Array, b: Array, correlation: float) -> Array:
    """E sign(z₁) sign(z₂) of unit Gaussians with means a, b: along the correlation it grows by 4 densities."""
    result = mean_sign(a) * mean_sign(b)
    for node, weight in zip(PATH_NODES, PATH_WEIGHTS, strict=True):
        result = result + 4 * weight * correlation * pair_density(a, b, node * correlation)
    return result


def pair_density(a: Array, b: Array, correlation: float) -> Array:
    rest = 1 - correlation**2
    return np.exp(-(a**2 + b**2 - 2 * correlation * a * b) / (2 * rest)) / (2 * np.pi * np.sqrt(rest))


def mean_triple(a: Array, R: Array) -> Array:
    """E of the product of three signs, (S,), from the means (S, 3) and correlations (3, 3) of unit Gaussians.

    Along tR, 0 ≤ t ≤ 1, it changes by 4 ρ_ij times the density of z_i = z_j = 0 times E[sign z_k] there, for each pair.
    """
    result = np.prod(mean_sign(a), axis=1)
    for node, weight in zip(PATH_NODES, PATH_WEIGHTS, strict=True):
        C = np.eye(3) + node * (R - np.eye(3))
        for i, j, k in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
            pull = np.linalg.solve(C[np.ix_([i, j], [i, j])], C[[i, j], k])
            centre = (a[:, k] - a[:, [i, j]] @ pull) / np.sqrt(1 - C[k, [i, j]] @ pull)
            result += 4 * weight * R[i, j] * pair_density(a[:, i], a[:, j], C[i, j]) * mean_sign(centre)
    return result


def outcomes(omega: Array, V: Array) -> tuple[Array, Array]:
    """P(y | ω, V) of each outcome, (S, Y), and its gradient in ω, (S, Y, K).

    Parameters
    ----------
    omega
        (S, K), for K = 1, 2 or 3.
    V
        (K, K).

    Raises
    ------
    ValueError
        For other K.
    """
    units = len(V)
    scale = np.sqrt(np.diag(V))
    a, R = omega / scale, V / np.outer(scale, scale)
    sign, slope = mean_sign(a), 2 * density(a) / scale
    if units == 1:
        up, up_slope = (1 + sign[:, 0]) / 2, slope / 2
        return np.stack([up, 1 - up], 1), np.stack([up_slope, -up_slope], 1)
    if units == 2:
        pair = mean_pair(a[:, 0], a[:, 1], R[0, 1])
        other = (a[:, ::-1] - R[0, 1] * a) / np.sqrt(1 - R[0, 1] ** 2)
        pair_slope = slope * mean_sign(other)
        total = sign.sum(1)
        chances = np.stack([(1 + total + pair) / 4, (1 - total + pair) / 4, (1 - pair) / 2], 1)
        return chances, np.stack([(slope + pair_slope) / 4, (pair_slope - slope) / 4, -pair_slope / 2], 1)
    if units == 3:
        triple_slope = np.stack([slope[:, k] * pair_given_zero(a, R, k) for k in range(3)], 1)
        up = 0.5 + (sign.sum(1) - mean_triple(a, R)) / 4
        up_slope = (slope - triple_slope) / 4
        return np.stack([up, 1 - up], 1), np.stack([up_slope, -up_slope], 1)
    raise ValueError(f"{units} units: the committee is solved for 1, 2 and 3")


def pair_given_zero(a: Array, R: Array, k: int) -> Array:
    """E of the product of the other two signs where z_k = 0."""
    i, j = (index for index in range(3) if index != k)
    rest = np.sqrt(1 - R[k, [i, j]] ** 2)
    means = (a[:, [i, j]] - a[:, [k]] * R[k, [i, j]]) / rest
    return mean_pair(means[:, 0], means[:, 1], (R[i, j] - R[k, i] * R[k, j]) / (rest[0] * rest[1]))


def root(matrix: Array) -> Array:
    """The symmetric square root of a positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def output_fields(load: float, q: Array) -> tuple[Array, float, float]:
    """q̂ of P = ``load``·N patterns, E log P(y | ω), and the error of the most probable outcome.

    q (K, K) treats all units alike; of q̂ the mean of the diagonal and that of the rest are formed.
    """
    points, weights = ordered_grid(len(q))
    chances, slopes = outcomes(points @ root(q), np.eye(len(q)) - q)
    slopes = np.where((chances > SMALLEST_PROBABILITY)[:, :, None], slopes, 0.0)
    chances = chances.clip(SMALLEST_PROBABILITY)
    conjugate = np.einsum("s,syk,syl->kl", weights, slopes / chances[:, :, None], slopes)
    entropy = weights @ (chances * np.log(chances)).sum(1)
    conjugate = alike(float(np.diag(conjugate).mean()), off_diagonal(conjugate), len(q))
    return load * conjugate, float(entropy), float(1 - weights @ chances.max(1))


def weight_overlaps(conjugate: Array) -> tuple[Array, float]:
    """q = E[m w*ᵀ] in fields of that q̂, and E log of the weights' partition function."""
    units = len(conjugate)
    points, weights = gaussian_grid(units)
    w = states(units)
    own = -0.5 * np.einsum("wk,kl,wl->w", w, conjugate, w)
    q, entropy = np.zeros_like(conjugate), 0.0
    for teacher in w:
        logits = (points @ root(conjugate) + conjugate @ teacher) @ w.T + own
        largest = logits.max(1, keepdims=True)
        boltzmann = np.exp(logits - largest)
        norm = boltzmann.sum(1, keepdims=True)
        m = (boltzmann / norm) @ w
        q += np.outer(weights @ m, teacher) / len(w)
        entropy += float(weights @ (np.log(norm / len(w)) + largest)[:, 0]) / len(w)
    return (q + q.T) / 2, entropy


@dataclass(frozen=True)
class CommitteeState:
    """A fixed point: overlaps of a unit with its own and with another teacher unit, error, and log Z per input."""

    own: float
    other: float
    error: float
    free_entropy: float


def fixed_point(
    units: int, load: float, start: tuple[float, float] = (0.0, 0.0), sweeps: int = 200, tolerance: float = 1e-5
) -> CommitteeState:
    """Where state evolution ends from q = ``start`` (own, other).

    A start without specialisation, own = other, never breaks the symmetry; a slightly larger own overlap does where the
    symmetric solution is unstable, and one near 1 finds the specialised solution where there is one.
    """
    q = symmetric(units, *start)
    for _ in range(sweeps):
        new = weight_overlaps(output_fields(load, q)[0])[0]
        new = symmetric(units, np.diag(new).mean(), off_diagonal(new))
        change = np.abs(new - q).max()
        q = new
        if change < tolerance:
            break
    if q[0, 0] > RECOVERED:
        return CommitteeState(1.0, 0.0, 0.0, -units * math.log(2))
    conjugate, energy, error = output_fields(load, q)
    free_entropy = weight_overlaps(conjugate)[1] - 0.5 * float((conjugate * q).sum()) + load * energy
    return CommitteeState(float(q[0, 0]), off_diagonal(q), error, free_entropy)


def alike(own: float, other: float, units: int) -> Array:
    """The matrix with ``own`` on its diagonal and ``other`` off it."""
    return np.full((units, units), other) + (own - other) * np.eye(units)


def symmetric(units: int, own: float, other: float) -> Array:
    """The overlaps :func:`alike`, kept inside what is numerically positive."""
    q = alike(own, other, units)
    return q * min(1.0, LARGEST_OVERLAP / max(1e-12, float(np.linalg.eigvalsh(q).max())))


def off_diagonal(q: Array) -> float:
    units = len(q)
    return float((q.sum() - np.trace(q)) / (units * (units - 1))) if units > 1 else 0.0
