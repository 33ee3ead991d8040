"""A number with its sampling error, as a claim compares it."""

from dataclasses import dataclass


class NotMeasured(RuntimeError):
    """The table at hand cannot say: too few realisations, or the quantity is absent."""


@dataclass(frozen=True)
class Measurement:
    """A measured value and the standard error that its realisations give (0 where it is exact)."""

    value: float
    standard_error: float
