"""Verdicts follow from value, errors, rival and the number of realisations."""

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from nnstatmech.readings import Measurement
from nnstatmech.verdicts import (
    INCONCLUSIVE,
    REFUTED,
    REPRODUCED,
    Statement,
    normal_deviations,
    realisations_to_decide,
    verdict,
)

EQUAL = Statement(expected=10.0, rival=12.0)
AT_LEAST = Statement(expected=10.0, comparison="at_least")
AT_MOST = Statement(expected=10.0, comparison="at_most")


@pytest.mark.parametrize(
    ("statement", "value", "error", "freedom", "said"),
    [
        (EQUAL, 10.0, 0.1, math.inf, REPRODUCED),
        (EQUAL, 10.29, 0.1, math.inf, REPRODUCED),
        (EQUAL, 10.35, 0.1, math.inf, INCONCLUSIVE),
        (EQUAL, 10.41, 0.1, math.inf, REFUTED),
        (EQUAL, 12.0, 0.1, math.inf, REFUTED),
        (EQUAL, 10.0, 1.0, math.inf, INCONCLUSIVE),  # agrees with the rival, too
        (EQUAL, 10.0, 0.66, math.inf, REPRODUCED),
        (EQUAL, 10.0, 0.68, math.inf, INCONCLUSIVE),
        (EQUAL, 10.0, 0.1, 1, INCONCLUSIVE),  # two realisations
        (EQUAL, 10.0, 0.1, 2, REPRODUCED),
        (EQUAL, 10.0, 0.15, 2, INCONCLUSIVE),  # t = 13 of two degrees of freedom is 2.5 normal deviations
        (EQUAL, 10.0, math.nan, 0, INCONCLUSIVE),
        (EQUAL, 10.0, 0.0, math.inf, REPRODUCED),  # exact
        (EQUAL, 10.0, 0.0, 1, INCONCLUSIVE),  # two realisations that agree by chance
        (EQUAL, 10.0, 0.0, 2, REPRODUCED),
        (EQUAL, 10.0 + 1e-9, 0.0, math.inf, REFUTED),
        (Statement(10.0, rival=12.0, allowance=0.4), 10.3, 0.0, math.inf, REPRODUCED),
        (Statement(10.0, rival=12.0, allowance=0.4), 10.5, 0.0, math.inf, REFUTED),
        (Statement(10.0, rival=12.0, expected_error=0.1), 10.25, 0.0, math.inf, REPRODUCED),
        (Statement(10.0, rival=12.0, expected_error=0.1), 10.45, 0.0, math.inf, REFUTED),
        (Statement(10.0), 10.0, 0.1, math.inf, INCONCLUSIVE),  # no rival, no severity
        (AT_LEAST, 10.3, 0.1, math.inf, REPRODUCED),
        (AT_LEAST, 10.1, 0.1, math.inf, INCONCLUSIVE),
        (AT_LEAST, 9.8, 0.1, math.inf, INCONCLUSIVE),
        (AT_LEAST, 9.5, 0.1, math.inf, REFUTED),
        (AT_MOST, 9.7, 0.1, math.inf, REPRODUCED),
        (AT_MOST, 10.5, 0.1, math.inf, REFUTED),
        (AT_MOST, 10.0, 0.0, math.inf, REPRODUCED),
        (AT_MOST, 10.01, 0.0, math.inf, REFUTED),
    ],
)
def test_the_rule(statement, value, error, freedom, said):
    assert verdict(statement, Measurement(value, error, freedom)) == said


@pytest.mark.parametrize("freedom", [1, 2, 4, 7, 30])
@pytest.mark.parametrize("deviations", [0.5, 2.0, 3.0, 4.0, 6.0])
def test_deviations_have_the_tails_of_student(freedom, deviations):
    distance = t.isf(norm.sf(deviations), freedom)
    assert normal_deviations(float(distance), 1.0, freedom) == pytest.approx(deviations, rel=1e-9)


def test_deviations_beyond_double_precision_are_finite_and_monotone():
    values = [normal_deviations(x, 1.0, 50) for x in (1.0, 10.0, 1e3, 1e9, 1e30)]
    assert values == sorted(values)
    assert all(math.isfinite(value) for value in values)


def test_the_number_of_realisations_that_decides():
    # The rival is two standard deviations of one realisation away: about (3/2)² = 2.25, and more for Student.
    undecided = Measurement(10.0, 1.0 / math.sqrt(4), 3)
    needed = realisations_to_decide(EQUAL, undecided)
    assert needed is not None
    for count, said in ((needed, REPRODUCED), (needed - 1, INCONCLUSIVE)):
        assert verdict(EQUAL, Measurement(10.0, 1.0 / math.sqrt(count), count - 1)) == said
    assert realisations_to_decide(EQUAL, Measurement(10.0, math.nan, 0)) is None
    assert realisations_to_decide(EQUAL, Measurement(10.0, 0.0, 1)) == 3
    assert realisations_to_decide(Statement(10.0), undecided) is None


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_true_claims_are_refuted_in_at_most_two_of_a_hundred_scorecards(seeds):
    """10 000 scorecards of 200 true claims each, half of them one-sided with the truth at the bound."""
    rng = np.random.default_rng(seeds)
    claims, scorecards = 200, 10_000
    # The statistic of a true claim is Student's t: draw only how far out the furthest claims are.
    two_sided = t.isf(2 * norm.sf(4.0) / 2, seeds - 1)
    refuted = 0
    for _ in range(scorecards):
        samples = rng.standard_normal((claims, seeds))
        statistic = samples.mean(1) / (samples.std(1, ddof=1) / np.sqrt(seeds))
        equal, bound = statistic[: claims // 2], statistic[claims // 2 :]
        refuted += bool((np.abs(equal) >= two_sided).any() or (bound <= -two_sided).any())
    assert refuted / scorecards <= 0.02
    # The threshold is the rule's own.
    for sign in (1, -1):
        inside, outside = (Measurement(10.0 + sign * two_sided * factor, 1.0, seeds - 1) for factor in (0.999, 1.001))
        assert verdict(Statement(10.0, rival=0.0), inside) != REFUTED
        assert verdict(Statement(10.0, rival=0.0), outside) == REFUTED
