"""State evolution of message passing for the perceptron with binary weights.

A student perceptron with weights w ∈ {−1, +1}^N sees P = αN random patterns x with labels y = sign(w*·x) of a
teacher of the same kind. In the limit N → ∞ the estimate m of AMP (and of belief propagation) is described by two
numbers per sweep, its overlap with the teacher R = m·w*/N and its own length q = m·m/N:

    R̂ = α E[∂g/∂z*],   q̂ = α E[g²],   R = E tanh(R̂ + √q̂ z),   q = E tanh²(R̂ + √q̂ z)

with g the derivative of log P(y|ω, V) at variance V = 1 − q, and (ω, z*) jointly Gaussian with variances q, 1 and
covariance R (Donoho, Maleki and Montanari 2009; Rangan 2011; Zdeborová and Krzakala 2016, sections 5.5 and 6.4).
When student and teacher agree, R = q at every sweep (the Nishimori line), and the fixed points are those of the
replica calculation of Györgyi (1990).

Expectations over Gaussians are sums over a uniform grid, which converge exponentially in the number of points for
smooth integrands that decay like a Gaussian, and never overflow (a Gauss–Hermite rule of that order does).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_ndtr

GRID = np.linspace(-10.0, 10.0, 4001)
WEIGHTS = np.exp(-(GRID**2) / 2)
WEIGHTS /= WEIGHTS.sum()

LARGEST_OVERLAP = 1 - 1e-12


def gaussian_mean(values: np.ndarray) -> float:
    """The mean ∫Dz f(z) over a standard Gaussian, of ``values`` = f(GRID)."""
    return float(WEIGHTS @ values)


@dataclass(frozen=True)
class Overlaps:
    """Order parameters of an estimate m: R = m·w*/N (``teacher``) and q = m·m/N (``self``)."""

    teacher: float
    self: float


def weight_overlaps(teacher_field: float, field_variance: float) -> Overlaps:
    """R and q of m = tanh(R̂ w* + √q̂ z): fields with mean R̂ along the teacher and variance q̂."""
    magnetisation = np.tanh(teacher_field + np.sqrt(field_variance) * GRID)
    return Overlaps(gaussian_mean(magnetisation), gaussian_mean(magnetisation**2))


def output_fields(load: float, overlaps: Overlaps) -> tuple[float, float]:
    """R̂ and q̂ that P = ``load``·N patterns produce at given overlaps, for any 0 ≤ R² ≤ q < 1.

    The preactivation is ω = √q z; the teacher's, given ω, has mean Rω/q and variance 1 − R²/q. Both labels
    contribute equally, hence the factors 2.
    """
    q = overlaps.self
    student = GRID * np.sqrt(q / (1 - q))
    alignment = overlaps.teacher / np.sqrt(q) if q > 0 else 0.0
    spread = np.sqrt(1 - alignment**2)
    teacher = alignment * GRID / spread
    log_density = -(student**2) / 2 - np.log(2 * np.pi) / 2
    g = np.exp(log_density - log_ndtr(student)) / np.sqrt(1 - q)
    field_variance = 2 * load * gaussian_mean(g**2 * np.exp(log_ndtr(teacher)))
    teacher_field = 2 * load * gaussian_mean(g * np.exp(-(teacher**2) / 2)) / np.sqrt(2 * np.pi) / spread
    return teacher_field, field_variance


def trajectory(load: float, sweeps: int, initial_self_overlap: float = 0.0) -> list[Overlaps]:
    """R and q before the first and after each of ``sweeps`` sweeps of AMP without damping.

    Parameters
    ----------
    load
        α = P/N.
    sweeps
        Number of sweeps.
    initial_self_overlap
        q of an initial estimate that knows nothing of the teacher (R = 0): 0 for m = 0, E tanh²(εz) for random
        initial fields of standard deviation ε. Away from 0 the first sweeps leave the Nishimori line.
    """
    states = [Overlaps(0.0, initial_self_overlap)]
    for _ in range(sweeps):
        following = weight_overlaps(*output_fields(load, states[-1]))
        states.append(Overlaps(min(following.teacher, LARGEST_OVERLAP), min(following.self, LARGEST_OVERLAP)))
    return states


# --- Bayes-optimal fixed points: R = q, R̂ = q̂ -------------------------------------------------


def optimal_overlap(conjugate: float) -> float:
    """q = ∫Dz tanh²(√q̂ z + q̂) at conjugate overlap q̂."""
    return weight_overlaps(conjugate, conjugate).self


def load_at(conjugate: float) -> float:
    """The load α at which (q(q̂), q̂) is a fixed point: every fixed point lies on this curve."""
    q = optimal_overlap(conjugate)
    return conjugate / output_fields(1.0, Overlaps(q, q))[1]


def spinodal() -> tuple[float, float]:
    """The largest load at which AMP is trapped at q < 1, and q̂ there.

    The load along the branch of fixed points rises with q̂ up to the spinodal and then falls.
    """
    result = minimize_scalar(lambda conjugate: -load_at(conjugate), bracket=(2.0, 4.0, 8.0), options={"xtol": 1e-10})
    return -float(result.fun), float(result.x)


def fixed_point(load: float) -> float:
    """The overlap q* = R* that AMP reaches from no information; 1 beyond the spinodal."""
    largest, conjugate_there = spinodal()
    if load == 0:
        return 0.0
    if load >= largest:
        return 1.0
    return optimal_overlap(brentq(lambda conjugate: load_at(conjugate) - load, 1e-9, conjugate_there, xtol=1e-13))


def posterior_entropy(load: float, conjugate: float) -> float:
    """Entropy per weight (nats) of the weights compatible with all labels, at the fixed point of that q̂.

    It is log 2 plus the replica-symmetric free entropy −qq̂/2 − q̂/2 + ∫Dz log cosh(√q̂ z + q̂) + 2α∫Dz Φ(u) log Φ(u)
    with u = z√(q/(1−q)).
    """
    q = optimal_overlap(conjugate)
    field = np.abs(np.sqrt(conjugate) * GRID + conjugate)
    log_cosh = field + np.log1p(np.exp(-2 * field)) - np.log(2)
    log_probability = log_ndtr(GRID * np.sqrt(q / (1 - q)))
    energy = 2 * load * gaussian_mean(np.exp(log_probability) * log_probability)
    return np.log(2) - (1 + q) * conjugate / 2 + gaussian_mean(log_cosh) + energy


def information_threshold() -> float:
    """The load above which only the teacher is compatible with the labels (first-order transition)."""
    conjugate = brentq(lambda c: posterior_entropy(load_at(c), c), 0.1, spinodal()[1], xtol=1e-13)
    return load_at(conjugate)


def generalisation_error(overlaps: Overlaps) -> float:
    """Probability that sign(m·x) differs from the teacher's label on a new pattern: arccos(R/√q)/π."""
    if overlaps.self == 0:
        return 0.5
    return float(np.arccos(min(1.0, overlaps.teacher / np.sqrt(overlaps.self))) / np.pi)
