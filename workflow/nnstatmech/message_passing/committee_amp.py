"""AMP for the first layer of a committee with binary weights, all units at once: what state evolution describes."""

import itertools

import numpy as np
from numpy.typing import NDArray

from ..seeding import numpy_stream
from .committee_evolution import SMALLEST_PROBABILITY, Array, outcomes, states


def teacher_labels(inputs: Array, teacher: Array) -> NDArray[np.int64]:
    """The number of each pattern's outcome in the order of :func:`.committee_evolution.outcomes`."""
    votes = np.sign(inputs @ teacher).sum(1)
    return np.where(votes > 0, 0, np.where(votes < 0, 1, 2))


def posterior_mean(fields: Array, precision: Array) -> Array:
    """⟨w⟩ (N, K) under e^{h·w − wᵀAw/2} over the 2^K states."""
    w = states(fields.shape[1])
    logits = fields @ w.T - 0.5 * np.einsum("wk,kl,wl->w", w, precision, w)
    boltzmann = np.exp(logits - logits.max(1, keepdims=True))
    return (boltzmann / boltzmann.sum(1, keepdims=True)) @ w


def overlaps(
    seed: int, units: int, size: int, load: float, sweeps: int, hint: float = 0.0, damping: float = 0.3
) -> tuple[float, float]:
    """Overlap of a unit with its own and with another teacher unit, the units in the order that fits best.

    Parameters
    ----------
    hint
        Precision A of what is known at the start: m = tanh(A w* + √A z); 0 starts from small random means.
    damping
        Part of the old means that stays.
    """
    generator = numpy_stream(seed, "committee: amp", units)
    teacher = generator.choice([-1.0, 1.0], (size, units))
    inputs = generator.normal(size=(round(load * size), size)) / size**0.5
    labels = teacher_labels(inputs, teacher)
    noise = generator.normal(size=(size, units))
    m = np.tanh(hint * teacher + hint**0.5 * noise) if hint else 1e-2 * noise
    g = np.zeros((len(inputs), units))
    for _ in range(sweeps):
        V = np.eye(units) - m.T @ m / size
        V += (1e-6 - min(1e-6, float(np.linalg.eigvalsh(V).min()))) * np.eye(units)
        omega = inputs @ m - g @ V
        chances, slopes = outcomes(omega, V)
        chance = np.take_along_axis(chances, labels[:, None], 1).clip(SMALLEST_PROBABILITY)
        g = np.take_along_axis(slopes, labels[:, None, None], 1)[:, 0] / chance
        precision = g.T @ g / size
        m = damping * m + (1 - damping) * posterior_mean(inputs.T @ g + m @ precision, precision)
    q = m.T @ teacher / size
    best = max(itertools.permutations(range(units)), key=lambda order: float(np.trace(q[list(order)])))
    q = q[list(best)]
    own = float(np.trace(q)) / units
    return own, float(q.sum() - np.trace(q)) / max(1, units * (units - 1))
