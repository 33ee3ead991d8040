"""Depths at which curves fall and settle."""

import numpy as np

from nnstatmech.cascades.cutoffs import crossing_depth, entropy_cutoff, settling_depth

DEPTHS = np.array([1, 3, 5, 9])


def test_crossing_depth_is_interpolated():
    curves = np.array([[1.0, 0.6, 0.2, 0.0], [0.3, 0.2, 0.1, 0.0], [1.0, 0.9, 0.8, 0.7]])
    np.testing.assert_allclose(crossing_depth(DEPTHS, curves, 0.4), [4, 1, np.nan])
    np.testing.assert_allclose(entropy_cutoff(DEPTHS, -np.array([4.0, 5.0, 7.0, 20.0]), 2.0), 4)


def test_settling_depth_scans_from_the_deep_end():
    curves = np.array([[1.0, 2.0, 3.0, 3.001], [3.0, 3.0, 3.0, 3.0], [9.0, 3.0, 9.0, 3.0]])
    np.testing.assert_array_equal(settling_depth(DEPTHS, curves, 0.005), [3, 0, 5])
