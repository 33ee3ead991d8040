"""Fractions of independent trials."""

from ...readings import Measurement


def fraction(successes: int, count: int) -> Measurement:
    """A fraction of trials; its error by Laplace's rule of succession: not 0 where all succeed, or none."""
    likely = (successes + 1) / (count + 2)
    return Measurement(successes / count, float((likely * (1 - likely) / (count + 2)) ** 0.5), count - 1)
