"""The rule by which a measured value judges a claim.

A claim expects a value and names a rival: the nearest alternative that a reader would believe. Deviations from both are
expressed in standard deviations of a normal law that are as improbable as what Student's t says for the measurement's
degrees of freedom, so that few realisations do not turn a claim green. A value *reproduces* a claim that it agrees with
and whose rival it excludes; it *refutes* one that it excludes; all else is *inconclusive*, and says how many
realisations would decide.
"""

import math
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm, t

from .readings import Measurement

Verdict = Literal["reproduced", "refuted", "inconclusive", "not tested here"]
REPRODUCED, REFUTED, INCONCLUSIVE, NOT_TESTED = "reproduced", "refuted", "inconclusive", "not tested here"

AGREES = 3.0  # largest deviation from the expected value, in normal standard deviations
EXCLUDES_RIVAL = 3.0  # smallest deviation from the rival
REFUTES = 4.0  # smallest deviation from the expected value: a true claim fails once in 16 000
ON_ITS_SIDE = 2.0  # one-sided claims
LEAST_REALISATIONS = 3  # of a random quantity
MOST_REALISATIONS = 100_000  # beyond which no number would decide
LARGEST = 38.0  # normal standard deviations that double precision can tell


@dataclass(frozen=True)
class Statement:
    """What a claim says of a number.

    Attributes
    ----------
    expected
        The value, or the bound of a one-sided claim.
    expected_error
        Its standard error.
    allowance
        Systematic difference that is granted.
    rival
        The nearest alternative, or None for a one-sided claim that names none.
    comparison
        ``equal``, ``at_most`` or ``at_least``.
    """

    expected: float
    expected_error: float = 0.0
    allowance: float = 0.0
    rival: float | None = None
    comparison: Literal["equal", "at_most", "at_least"] = "equal"


def normal_deviations(distance: float, error: float, degrees_of_freedom: float) -> float:
    """Distance in standard deviations of a normal law of equal tail probability; 0 for a negative distance.

    Parameters
    ----------
    distance
        Distance of the measured value from another one.
    error
        Standard error of the distance; 0 if it is exact, then any distance is infinitely many.
    degrees_of_freedom
        Of the error; infinite for a known one.
    """
    if distance <= 0:
        return 0.0
    if error == 0:
        return math.inf
    if math.isinf(degrees_of_freedom):
        return distance / error
    tail = t.logsf(distance / error, degrees_of_freedom)
    return min(float(-norm.ppf(math.exp(tail))) if tail > -700 else LARGEST, LARGEST)


def combined(measured: Measurement, expected_error: float) -> tuple[float, float]:
    """Standard error of the difference from the expected value, and its degrees of freedom (Welch, Satterthwaite)."""
    error = math.hypot(measured.standard_error, expected_error)
    if measured.standard_error == 0:
        return error, math.inf
    return error, measured.degrees_of_freedom * (error / measured.standard_error) ** 4


def is_too_few(measured: Measurement) -> bool:
    """Whether a random quantity has fewer realisations than a verdict needs; two of them may agree by chance."""
    return math.isnan(measured.standard_error) or measured.degrees_of_freedom + 1 < LEAST_REALISATIONS


def verdict(statement: Statement, measured: Measurement) -> Verdict:
    """What a measurement says of a claim."""
    if is_too_few(measured):
        return INCONCLUSIVE
    error, freedom = combined(measured, statement.expected_error)
    difference = measured.value - statement.expected
    if statement.comparison != "equal":
        return one_sided(difference if statement.comparison == "at_least" else -difference, statement, error, freedom)
    off = normal_deviations(abs(difference) - statement.allowance, error, freedom)
    if off >= REFUTES:
        return REFUTED
    if off <= AGREES and excludes_rival(statement, measured):
        return REPRODUCED
    return INCONCLUSIVE


def one_sided(inside: float, statement: Statement, error: float, freedom: float) -> Verdict:
    """The verdict of a bound that the value keeps by ``inside`` (breaks, if negative)."""
    if normal_deviations(-inside - statement.allowance, error, freedom) >= REFUTES:
        return REFUTED
    kept = inside >= 0 if error == 0 else normal_deviations(inside, error, freedom) >= ON_ITS_SIDE
    return REPRODUCED if kept else INCONCLUSIVE


def excludes_rival(statement: Statement, measured: Measurement) -> bool:
    """Whether the rival is far from the measured value."""
    if statement.rival is None:
        return False
    error = measured.standard_error
    freedom = measured.degrees_of_freedom if error else math.inf
    distance = abs(measured.value - statement.rival)
    return normal_deviations(distance - statement.allowance, error, freedom) >= EXCLUDES_RIVAL


def realisations_to_decide(statement: Statement, measured: Measurement) -> int | None:
    """Smallest number of realisations that would decide, if value and spread stay; None if none would."""
    if math.isnan(measured.standard_error) or math.isinf(measured.degrees_of_freedom):
        return None
    present = measured.degrees_of_freedom + 1

    def decides(count: int) -> bool:
        scaled = Measurement(measured.value, measured.standard_error * math.sqrt(present / count), count - 1)
        return verdict(statement, scaled) != INCONCLUSIVE

    count = max(math.ceil(present), LEAST_REALISATIONS)
    while count < MOST_REALISATIONS and not decides(count):
        count *= 2
    if not decides(count):
        return None
    low, high = count // 2, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
