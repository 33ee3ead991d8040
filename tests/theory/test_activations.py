"""Activations: slopes, kinks, homogeneity."""

import numpy as np
import pytest

from nnstatmech.theory.activations import ERF, GELU, LEAKY_RELU, LINEAR, RELU, SILU, TANH, Activation, leaky_relu

ALL = [TANH, ERF, RELU, LEAKY_RELU, GELU, SILU, LINEAR]


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.name)
def test_slopes_are_derivatives(activation):
    h, step = np.linspace(-6, 6, 97)[:, None] + 0.01, 1e-3 * np.array([-2, -1, 1, 2])
    derivative = activation.value(h + step) @ (np.array([1, -8, 8, -1]) / 12e-3)
    assert activation.slope(h)[:, 0] == pytest.approx(derivative, abs=1e-10)


@pytest.mark.parametrize(
    ("activation", "slopes"),
    [(TANH, (1, 1)), (ERF, (2 / np.sqrt(np.pi),) * 2), (RELU, (0, 1)), (LEAKY_RELU, (0.01, 1)), (GELU, (0.5, 0.5))],
)
def test_slopes_at_zero(activation, slopes):
    assert activation.slopes_at_zero == pytest.approx(slopes, rel=1e-15)


def test_small_slopes_keep_their_digits():
    assert TANH.slope(np.array([300.0])) == pytest.approx(4 * np.exp(-600.0), rel=1e-14)


def test_jumps_are_refused():
    with pytest.raises(ValueError, match=r"jumps at 0.*infinite"):
        Activation("step", np.sign, np.zeros_like, kinks=(0.0,))


def test_degrees_are_checked():
    assert leaky_relu(-0.3).degree == 1
    assert Activation("square", np.square, lambda h: 2 * h, degree=2).slopes_at_zero == (0, 0)
    with np.errstate(divide="ignore"):
        root = Activation("root", lambda h: np.sqrt(np.abs(h)), lambda h: np.sign(h) / np.sqrt(np.abs(h)), degree=0.5)
        assert root.slopes_at_zero == (np.inf, np.inf)
    with pytest.raises(ValueError, match="not homogeneous of degree 1"):
        Activation("square", np.square, lambda h: 2 * h, degree=1)
