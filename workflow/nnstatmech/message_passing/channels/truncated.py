"""A Gaussian variable on the positive half line, in forms that stay exact in the far tail.

With k = mean/deviation, r(k) = n(k)/Φ(k) (density over distribution of the standard normal), the mean is deviation·t(k)
with t = k + r, and the variance deviation²·(1 − r t). For k ≪ 0 both are differences of nearly equal numbers, and the
continued fraction t = 1/(|k| + 2/(|k| + 3/(|k| + …))) takes their place.
"""

import torch
from torch import Tensor

from .special import inverse_mills

FAR = -5.0  # from here down the continued fraction; 60 terms are exact to rounding
TERMS = 60


def pull(k: Tensor) -> Tensor:
    """r(k) = n(k)/Φ(k)."""
    return inverse_mills(-k)


def mean(k: Tensor) -> Tensor:
    """t(k) = k + r(k), positive for every k."""
    size = (-k).clamp_min(-FAR)
    fraction = torch.zeros_like(k)
    for term in range(TERMS, 0, -1):
        fraction = term / (size + fraction)
    return torch.where(k < FAR, fraction, k + pull(k))


def variance(k: Tensor) -> Tensor:
    """1 − r t, between 0 and 1; in the tail 1 − (|k| + t) t = t (2/(|k| + …) − t), without cancellation of the 1."""
    size = (-k).clamp_min(-FAR)
    second = torch.zeros_like(k)
    for term in range(TERMS, 1, -1):
        second = term / (size + second)
    first = 1 / (size + second)
    return torch.where(k < FAR, first * (second - first), 1 - pull(k) * mean(k))
