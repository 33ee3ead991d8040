"""Chains that go on until they have mixed."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from .diagnostics import effective_samples, r_hat

MIXED_R_HAT = 1.01
LEAST_EFFECTIVE_SAMPLES = 400
AT_ONCE = 50  # draws that are measured together


def until_mixed(
    draws: Iterator[np.ndarray],
    first: int,
    longest: int,
    measure: Callable[[np.ndarray], np.ndarray],
    discarded: float = 0.0,
) -> np.ndarray:
    """What is measured of draws, taken until R̂ < 1.01 and 400 samples are effective (Vehtari et al. 2021, section 4).

    Looked at after ``first`` draws, then after twice as many, and so on.

    Parameters
    ----------
    draws
        Each of shape (chains, ...).
    first, longest
        Draws of the first look, and how many times as many there may be at most.
    measure
        Numbers (quantities, chains, draws) of draws (chains, draws, ...).
    discarded
        Share of the first draws that each look leaves out.

    Returns
    -------
    numpy.ndarray
        (quantities, chains, draws), mixed or not.
    """
    parts: list[np.ndarray] = []
    taken, count = 0, first
    while True:
        while some := list(islice(draws, min(count - taken, AT_ONCE))):
            parts.append(measure(np.stack(some, axis=1)))
            taken += len(some)
        found = np.concatenate(parts, axis=2)[:, :, int(discarded * count) :]
        if 2 * count > longest * first or all(map(has_mixed, found)):
            return found
        count *= 2


def has_mixed(draws: np.ndarray) -> bool:
    """Whether the draws (chains, draws) of a number have R̂ < 1.01 and are worth 400 samples."""
    return r_hat(draws) < MIXED_R_HAT and effective_samples(draws) >= LEAST_EFFECTIVE_SAMPLES
