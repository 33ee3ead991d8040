"""Mean-field theory against printed values, closed forms and limits."""

import numpy as np
import pytest

from nnstatmech.theory.mean_field import LINEAR, RELU, MeanField, critical_weight_variance, gaussian_product_mean

# Tolerances are half a unit of the last printed digit (plus rounding of the sum).
CRITICAL = {0.05: 1.760955, 2e-5: 1.049912, 1e-3: 1.189190, 0.1: 1.986073, 0.2: 2.285152, 0.3: 2.505127, 0.0: 1.0}
DEPTHS_DENSE = {
    0.5: "1.191",
    1.0: "3.627",
    1.3: "7.834",
    1.5: "15.79",
    1.7: "74.9",
    1.8: "125.8",
    1.9: "39.35",
    2.0: "25.21",
    2.5: "11.80",
    3.0: "9.051",
    4.0: "6.980",
    6.0: "5.424",
}
DEPTHS_CONVOLUTIONAL = {
    0.5: "1.443",
    0.9: "9.455",
    1.0: "158.7",
    1.1: "645",
    1.2: "208.9",
    1.5: "52.16",
    2.0: "21.71",
    3.0: "10.93",
    4.0: "7.979",
}


def half_digit(printed: str) -> float:
    return 0.501 * 10.0 ** -len(printed.partition(".")[2])


@pytest.mark.parametrize(("bias_variance", "expected"), CRITICAL.items())
def test_critical_line(bias_variance, expected):
    assert critical_weight_variance(bias_variance) == pytest.approx(expected, abs=0.501e-6)


def test_critical_lengths():
    assert MeanField(1.760955, 0.05).fixed_length == pytest.approx(0.570048, abs=0.6e-6)
    assert MeanField(1.049912, 2e-5).fixed_length == pytest.approx(0.025874, abs=0.6e-6)
    assert np.sqrt(critical_weight_variance(0.05)) == pytest.approx(1.32701, abs=0.501e-5)


@pytest.mark.parametrize(
    ("bias_variance", "weight_variance", "printed"),
    [(0.05, *item) for item in DEPTHS_DENSE.items()] + [(2e-5, *item) for item in DEPTHS_CONVOLUTIONAL.items()],
)
def test_correlation_depth(bias_variance, weight_variance, printed):
    depth = MeanField(weight_variance, bias_variance).correlation_depth
    assert depth == pytest.approx(float(printed), abs=half_digit(printed))


@pytest.mark.parametrize(
    ("weight_variance", "length", "correlation", "susceptibility"),
    [
        (1.0, "0.19359", "1.", "0.75903"),
        (1.8, None, "0.950411", None),
        (2.0, None, "0.744082", None),
        (2.5, "1.06396", "0.446804", "1.13352"),
        (4.0, "2.19549", "0.165065", None),
    ],
)
def test_fixed_points(weight_variance, length, correlation, susceptibility):
    ensemble = MeanField(weight_variance, 0.05)
    found = (ensemble.fixed_length, ensemble.fixed_correlation, ensemble.susceptibility)
    for value, printed in zip(found, (length, correlation, susceptibility), strict=True):
        if printed:
            assert value == pytest.approx(float(printed), abs=half_digit(printed))


def test_ordered_phase_has_one_scale():
    ensemble = MeanField(1.3, 0.05)
    assert ensemble.gradient_depth == pytest.approx(ensemble.correlation_depth, rel=1e-9)
    assert MeanField(2.5, 0.05).gradient_depth < 0


@pytest.mark.parametrize("weight_variance", [1.0, 2.5])
def test_depth_scales_are_the_rates_of_the_maps(weight_variance):
    """Deep in the network, c - c* and q - q* shrink by exp(-1/ξ) in each layer."""
    ensemble = MeanField(weight_variance, 0.05)
    _, correlations = ensemble.trajectory(ensemble.fixed_length, 0.5, 250)
    gaps = np.abs(correlations - ensemble.fixed_correlation)
    layer = np.argmax(gaps < 1e-6)
    assert np.log(gaps[layer + 1] / gaps[layer]) == pytest.approx(-1 / ensemble.correlation_depth, rel=1e-4)
    lengths, _ = ensemble.trajectory(2 * ensemble.fixed_length, 0.5, 250)
    gaps = np.abs(lengths - ensemble.fixed_length)
    layer = np.argmax(gaps < 1e-6)
    assert np.log(gaps[layer + 1] / gaps[layer]) == pytest.approx(-1 / ensemble.length_depth, rel=1e-4)


def test_no_weights():
    """σ_w² = 0: every layer is its bias, so all inputs agree after one layer."""
    ensemble = MeanField(0.0, 0.05)
    assert ensemble.fixed_length == pytest.approx(0.05)
    assert ensemble.susceptibility == 0
    assert ensemble.fixed_correlation == 1
    assert ensemble.correlation_depth == 0


def test_linear_and_relu_closed_forms():
    assert critical_weight_variance(0.0, LINEAR) == pytest.approx(1, abs=1e-6)
    assert critical_weight_variance(0.0, RELU) == pytest.approx(2, abs=1e-6)
    linear = MeanField(0.5, 0.1, LINEAR)
    assert linear.fixed_length == pytest.approx(0.2)
    assert linear.susceptibility == pytest.approx(0.5)
    # Arc-cosine kernel of order 1 (Cho & Saul 2009); a kinked integrand limits the sum to about 1e-3.
    angle = np.arccos(0.3)
    kernel = (np.sin(angle) + (np.pi - angle) * 0.3) / (2 * np.pi)
    assert gaussian_product_mean(RELU.value, 1.0, 1.0, 0.3) == pytest.approx(kernel, abs=1e-3)


def test_divergent_lengths_are_reported():
    assert MeanField(3.0, 0.1, RELU).fixed_length == np.inf
    with pytest.raises(ValueError, match="diverge"):
        _ = MeanField(3.0, 0.1, RELU).susceptibility
    with pytest.raises(ValueError, match="negative"):
        MeanField(-1.0, 0.1)
