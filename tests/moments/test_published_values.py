"""The published curves."""

import pytest

from nnstatmech.moments.published_values import published_curves


def test_published_curves_hold_every_experiment():
    assert len(published_curves("bn_ff_fc_512")) == 8 * 100 + 9  # log chi at nine depths only
    with pytest.raises(KeyError, match="no published curves of 'bn'"):
        published_curves("bn")
