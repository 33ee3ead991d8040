"""Mean-field theory beside runs: its fixed points, and networks of large width."""

import numpy as np
import pytest

from nnstatmech.moments import measures, wide
from nnstatmech.moments.curves import setting

from .small import table


def test_settings_that_came_later_have_their_default():
    assert setting({"width": 8}, "activation") == "relu"
    assert setting({"activation": "tanh"}, "activation") == "tanh"


@pytest.mark.parametrize("activation", ["tanh", "erf", "gelu", "silu", "leaky_relu", "relu"])
def test_theory_follows_wide_networks(activation):
    """Ordered networks of 300 units: lengths to 4 sqrt(5/N/n) of n realisations, and noise by chi_1 a layer."""
    main = table(
        16, architecture="vanilla", kernel_size=1, width=300, batch_size=4, measurements=8, effective_ranks="none",
        activation=activation, weight_variance=1.2, bias_variance=0.5,
    )  # fmt: skip
    found, theory = wide.measured(main), wide.predicted(main)
    tolerance = 4 * np.sqrt(5 / 300 / 16)
    np.testing.assert_allclose(found["length"].mean() / theory["length"], 1, atol=tolerance)
    np.testing.assert_allclose(found["log_noise"].mean() - theory["log_noise"], 0, atol=tolerance * 2)
    assert measures.length_over_theory(main).value == pytest.approx(1, abs=2 * tolerance)


def test_susceptibility_of_a_layer_is_the_gaussian_mean_of_the_squared_slope():
    theory = wide.ensemble({"activation": "tanh", "weight_variance": 1.7, "bias_variance": 0.2})
    h = np.random.default_rng(0).normal(0, np.sqrt(0.8), 400_000)
    squares = 1.7 / np.cosh(h) ** 4
    assert wide.susceptibility(theory, 0.8) == pytest.approx(squares.mean(), abs=4 * squares.std() / np.sqrt(h.size))
    assert wide.susceptibility(wide.ensemble({}), 0.8) == pytest.approx(1)  # He's point


def test_rates_of_gradients_and_noise_are_read_from_the_middle_of_the_depth():
    main = table(
        6, architecture="bn_ff", kernel_size=1, gradients=True, depth=16, measurements=16, width=64, batch_size=32
    )
    rate = measures.gradient_growth_rate(main)
    assert rate.value == pytest.approx(0.23, abs=0.04)  # between the limit .19 and .27, batches of 16
    ratio = measures.gradient_over_noise_growth(main)
    assert ratio.value == pytest.approx(1, abs=4 * ratio.standard_error)


def test_excess_of_held_statistics_is_paired():
    runs = [{"batch_statistics": statistics} for statistics in ("held", "differentiated")]
    main = table(8, runs, architecture="bn_ff", kernel_size=1, width=64, depth=20, batch_size=16)
    main["width"] = 64
    main["batch_size"] = 16
    excess = measures.held_statistics_excess(main, 64, 16)
    apart = [measures.growth_rate(main, run) for run in runs]
    assert excess.value == pytest.approx(apart[0].value - apart[1].value)
    assert 0 < excess.standard_error < np.hypot(*(measured.standard_error for measured in apart))
