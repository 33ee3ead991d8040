"""Arguments of the family's laws: outside their domain they are refused in one sentence that names them."""

from collections.abc import Sequence

import numpy as np


def finite(name: str, values) -> np.ndarray:
    """``values`` as float64.

    Raises
    ------
    ValueError
        If one of them is NaN or infinite.
    """
    values = np.asarray(values, float)
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name}: {np.sum(~np.isfinite(values))} of {values.size} numbers are NaN or infinite")
    return values


def positive(name: str, value: float) -> float:
    """A finite number above 0; anything else is a ValueError."""
    if not 0 < value < np.inf:
        raise ValueError(f"{name} = {value}: a finite number above 0 is needed")
    return value


def inverse_temperature(beta: float) -> float:
    """0 ≤ β ≤ ∞; anything else is a ValueError."""
    if not beta >= 0:
        raise ValueError(f"beta = {beta}: an inverse temperature is at least 0")
    return float(beta)


def whole_widths(name: str, widths: Sequence[int]) -> tuple[int, ...]:
    """Numbers of units as integers; one that is below 1 or not whole is a ValueError."""
    if any(not width >= 1 or width != int(width) for width in widths):
        raise ValueError(f"{name} {tuple(widths)}: every layer needs a whole number of at least one unit")
    return tuple(int(width) for width in widths)


def weight_scales(sigmas: Sequence[float], hidden_widths: Sequence[int]) -> tuple[float, ...]:
    """Standard deviations of the weight matrices, one each.

    Raises
    ------
    ValueError
        If there is not one for each matrix, or one is not a finite number above 0.
    """
    if len(sigmas) != len(hidden_widths) + 1:
        raise ValueError(f"{len(sigmas)} weight scales for {len(hidden_widths) + 1} weight matrices")
    return tuple(positive("sigmas: a weight scale", float(sigma)) for sigma in sigmas)
