"""Numbers behind the figures of ensembles."""

import numpy as np
import pandas as pd

from nnstatmech.linear_bnn.curves.ensemble import unconverged_fraction


def test_survival_of_many_networks_is_thinned_without_moving_a_point():
    """What remains of 5000 points stands on the curve of all of them, first and last included."""
    steps = np.random.default_rng(0).exponential(1000, 5000)
    rows = pd.DataFrame({"quantity": "step", "value": steps})
    whole, thin = (unconverged_fraction(rows, points) for points in (5000, 100))
    assert len(whole) == 5000
    assert 150 < len(thin) <= 201
    pd.testing.assert_series_equal(thin, whole[thin.index])
    assert {thin.index[0], thin.index[-1]} == {steps.min(), steps.max()}
