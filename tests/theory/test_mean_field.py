"""Mean-field theory against high precision, printed values, closed forms and limits."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from theory.activations_of_tests import ACTIVATIONS, HARD_TANH
from theory.reference import MEANS, fixed

from nnstatmech.theory.activations import (
    ERF,
    GELU,
    LEAKY_RELU,
    LINEAR,
    RELU,
    SILU,
    TANH,
    Activation,
    leaky_relu,
)
from nnstatmech.theory.kernels import Kernel
from nnstatmech.theory.mean_field import MeanField, critical_weight_variance, depth_scale
from nnstatmech.theory.quadrature import gaussian_product_mean

EPSILON = np.finfo(float).eps
FIXED_POINTS = json.loads((Path(__file__).parent / "fixed_points.json").read_text())

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


def same_depth(found: float, expected: float) -> bool:
    """A depth is as accurate as the rounding of a rate close to 1 allows."""
    return found == pytest.approx(expected, rel=max(1e-8, 10 * EPSILON * abs(expected)), abs=0)


@pytest.mark.parametrize("row", FIXED_POINTS, ids=lambda row: "{activation}-{weights:.10g}-{biases:g}".format(**row))
def test_fixed_points_to_full_accuracy(row):
    ensemble = MeanField(row["weights"], row["biases"], ACTIVATIONS[row["activation"]])
    assert ensemble.susceptibility == pytest.approx(row["susceptibility"], rel=0, abs=1e-12)
    assert ensemble.fixed_correlation == pytest.approx(1 - row["distance"], rel=1e-8, abs=0)
    assert same_depth(ensemble.correlation_depth, row["correlation_depth"])
    assert same_depth(ensemble.length_depth, row["length_depth"])
    if row["distance"]:
        # More than c* can say: how far from 1 it is. A rounding of χ₁ - 1 moves it in proportion, at kinks twice.
        accuracy = max(1e-8, 20 * EPSILON * row["correlation_depth"])
        assert ensemble.fixed_distance == pytest.approx(row["distance"], rel=accuracy, abs=0)


@pytest.mark.long
@pytest.mark.parametrize("row", FIXED_POINTS, ids=lambda row: "{activation}-{weights:.10g}-{biases:g}".format(**row))
def test_reference_values_are_reproducible(row):
    means = MEANS[row["activation"]]()
    found = fixed(means, row["weights"], row["biases"], row["length"] * (1 + 1e-5), row["distance"])
    expected = {name: row[name] for name in vars(found)}
    # Where depths diverge extended precision is felt: 10⁻¹⁹, some hundred times less than what is asked of double.
    assert vars(found) == pytest.approx(expected, rel=max(1e-9, 2e-17 * row["correlation_depth"]))


@pytest.mark.parametrize(("bias_variance", "expected"), CRITICAL.items())
def test_critical_line(bias_variance, expected):
    assert critical_weight_variance(bias_variance) == pytest.approx(expected, abs=0.501e-6)


@pytest.mark.parametrize("activation", [TANH, ERF, HARD_TANH, GELU, SILU, RELU, LINEAR], ids=lambda phi: phi.name)
@pytest.mark.parametrize("bias_variance", [0.0, 2e-5, 1.0])
def test_critical_susceptibilities_are_one(activation, bias_variance):
    if activation in (GELU, SILU) and bias_variance == 2e-5:
        with pytest.raises(ValueError, match="lengths jump or diverge before"):
            critical_weight_variance(bias_variance, activation)
        return
    critical = critical_weight_variance(bias_variance, activation)
    assert MeanField(critical, bias_variance, activation).susceptibility == pytest.approx(1, abs=4e-15)


def test_half_stable_critical_point_of_gelu():
    """Roberts, Yaida & Hanin (2022): at σ_b² = .17292239 and σ_w² = 1.98305826 lengths are critical as well.

    Below this σ_b² lengths jump before χ₁ reaches 1.
    """
    bias_variance = 0.1729224
    critical = critical_weight_variance(bias_variance, GELU)
    assert critical == pytest.approx(1.98305826, abs=2e-8)
    assert MeanField(critical, bias_variance, GELU).length_depth > 1e4
    with pytest.raises(ValueError, match="lengths jump"):
        critical_weight_variance(0.1729223, GELU)


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
        (16.0, None, None, "2.371485"),
        (25.0, None, None, "2.896597"),
    ],
)
def test_fixed_points(weight_variance, length, correlation, susceptibility):
    ensemble = MeanField(weight_variance, 0.05)
    found = (ensemble.fixed_length, ensemble.fixed_correlation, ensemble.susceptibility)
    for value, printed in zip(found, (length, correlation, susceptibility), strict=True):
        if printed:
            assert value == pytest.approx(float(printed), abs=half_digit(printed))


@pytest.mark.parametrize(("activation", "power"), [(TANH, 1), (ERF, 1), (HARD_TANH, 2)], ids=["tanh", "erf", "kinked"])
@pytest.mark.parametrize("bias_variance", [0.05, 1.0])
def test_correlation_depth_diverges_alike_on_both_sides_of_criticality(activation, power, bias_variance):
    """ξ_c ∝ 1 / |σ_w² - σ_c²| with one amplitude on both sides; twice the ordered one in chaos if the map has kinks.

    With 1 - χ_c linear in 1 - c, χ_{c*} - 1 is minus χ₁ - 1; with a root of 1 - c, minus half of it.
    """
    critical = critical_weight_variance(bias_variance, activation)
    amplitudes = []
    for offset in (1e-5, 1e-7, 1e-9, 1e-11):
        ordered, chaotic = (
            MeanField(critical + sign * offset, bias_variance, activation).correlation_depth for sign in (-1, 1)
        )
        rounding = 20 * EPSILON * chaotic
        assert chaotic / ordered == pytest.approx(power, rel=max(1e-3, rounding))
        amplitudes.append(ordered * offset)
    assert amplitudes[:3] == pytest.approx([amplitudes[1]] * 3, rel=1e-4)


def test_correlation_depth_without_biases_diverges_as_the_square():
    """tanh, σ_b = 0, σ_w² = 1 + ε: q* = ε / 2, c* = 0, 1 - χ₀ = 2 q*² / 3: ξ_c = 6 / ε², ξ_q = 1 / ε."""
    for excess in (1e-3, 1e-6, 1e-9):
        ensemble = MeanField(1 + excess, 0.0)
        assert ensemble.fixed_correlation == 0
        assert ensemble.correlation_depth == pytest.approx(6 / excess**2, rel=4 * excess + 1e-6)
        assert ensemble.length_depth == pytest.approx(1 / excess, rel=2 * excess + 1e-6)
        ordered = MeanField(1 - excess, 0.0)
        assert same_depth(ordered.correlation_depth, -1 / np.log1p(-excess))
        assert ordered.length_depth == ordered.correlation_depth


def test_ordered_phase_has_one_scale():
    ensemble = MeanField(1.3, 0.05)
    assert ensemble.gradient_depth == pytest.approx(ensemble.correlation_depth, rel=1e-12)
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


@pytest.mark.parametrize("activation", [TANH, HARD_TANH, SILU], ids=lambda phi: phi.name)
@pytest.mark.parametrize("length", [0.3, 30.0])
def test_expansions_and_integrals_agree(activation, length):
    """Mehler's sums against the integral over the plane, and both against the limit of the losses."""
    kernel = Kernel(activation, length)
    for correlation in (-0.6, 0.0, 0.5, 0.9):
        for found, function in ((kernel.product, activation.value), (kernel.slope_product, activation.slope)):
            expected = gaussian_product_mean(function, length, length, correlation, activation.kinks)
            assert found(correlation) == pytest.approx(expected, abs=4e-15 * max(1, kernel.square))
    for distance in (1e-12, 1e-6, 1e-3, 0.1):
        mean_loss = kernel.slope_square - (kernel.square - kernel.product(1 - distance)) / (length * distance)
        rounding = 8 * EPSILON * kernel.square / (length * distance)
        assert kernel.mean_slope_loss(distance) == pytest.approx(mean_loss, abs=rounding + 1e-14)


@pytest.mark.parametrize("name", ["tanh", "SiLU", "hard tanh"])
@pytest.mark.parametrize("distance", [1e-13, 1e-9, 1e-6, 6e-6, 3e-4, 0.01, 0.3])
def test_losses_near_correlation_one(name, distance):
    """Against extended precision and 30 digits: relative accuracy where a difference of products has none."""
    means, length = MEANS[name](), 0.57
    lost_value, lost_slope = means.losses(length, distance)
    mean_loss = means.moments(length)[1] - lost_value / (length * distance)
    kernel = Kernel(ACTIVATIONS[name], length)
    assert kernel.slope_loss(distance) == pytest.approx(float(lost_slope), rel=1e-10, abs=0)
    assert kernel.mean_slope_loss(distance) == pytest.approx(float(mean_loss), rel=1e-9, abs=4e-16)


def test_no_weights():
    """σ_w² = 0: every layer is its bias, so all inputs agree after one layer."""
    ensemble = MeanField(0.0, 0.05)
    assert ensemble.fixed_length == pytest.approx(0.05)
    assert ensemble.susceptibility == 0
    assert ensemble.fixed_correlation == 1
    assert ensemble.correlation_depth == 0
    assert ensemble.correlation_map(0.3) == 1


@pytest.mark.parametrize(
    ("weight_variance", "bias_variance", "susceptibility", "depth"),
    [
        (1.9, 0.1, 0.95, -1 / np.log(0.95)),
        (1.9, 0.0, 0.95, -1 / np.log(0.95)),
        (1.5, 0.1, 0.75, 3.4760594967822072),
        (1.99, 0.1, 0.995, 199.49958228),
        (2.0, 0.0, 1.0, np.inf),
        (2.0, 0.1, 1.0, np.inf),
    ],
)
def test_relu_has_half_a_slope_at_every_length(weight_variance, bias_variance, susceptibility, depth):
    ensemble = MeanField(weight_variance, bias_variance, RELU)
    assert ensemble.susceptibility == pytest.approx(susceptibility, rel=1e-15)
    assert ensemble.fixed_correlation == 1
    assert ensemble.correlation_depth == pytest.approx(depth, rel=1e-9)


def test_cones_without_their_closed_form():
    """Leaky ReLU by quadrature, as any function of one's own: kinks cost no digits."""
    own = Activation("own", LEAKY_RELU.value, LEAKY_RELU.slope, kinks=(0.0,))
    for weight_variance, bias_variance in ((0.5, 0.1), (1.9, 0.1), (1.9997, 2.0)):
        found, expected = (MeanField(weight_variance, bias_variance, phi) for phi in (own, LEAKY_RELU))
        assert found.fixed_length == pytest.approx(expected.fixed_length, rel=1e-11)
        assert found.susceptibility == pytest.approx(expected.susceptibility, rel=1e-14)
        assert same_depth(found.correlation_depth, expected.correlation_depth)
        assert same_depth(found.length_depth, expected.length_depth)
        for correlation in (-1.0, -0.3, 0.2, 0.999, 1.0):
            assert found.correlation_map(correlation) == pytest.approx(expected.correlation_map(correlation), abs=1e-14)


def test_he_point_is_marginal():
    """Lengths neither grow nor shrink, and every one is as good as another."""
    for activation in (RELU, LEAKY_RELU, leaky_relu(0.3), LINEAR):
        critical = critical_weight_variance(0.0, activation)
        ensemble = MeanField(critical, 0.0, activation)
        assert ensemble.susceptibility == pytest.approx(1, abs=EPSILON)
        assert ensemble.length_map(7.0) == pytest.approx(7.0, rel=4 * EPSILON)
        assert ensemble.fixed_length == 1
        assert ensemble.correlation_depth == ensemble.length_depth == np.inf
        lengths, _ = ensemble.trajectory(3.0, 0.2, 50)
        assert lengths == pytest.approx(3.0, rel=1e-13)
    assert critical_weight_variance(0.1, RELU) == 2


def test_linear_closed_forms():
    linear = MeanField(0.5, 0.1, LINEAR)
    assert linear.fixed_length == pytest.approx(0.2)
    assert linear.susceptibility == pytest.approx(0.5)
    assert linear.correlation_map(0.3) == pytest.approx(0.5 * 0.3 + 0.5)


def test_divergent_lengths_of_homogeneous_activations_have_a_limit():
    for weight_variance, bias_variance in ((3.0, 0.1), (100.0, 0.0), (2 + 1e-9, 0.1)):
        relu = MeanField(weight_variance, bias_variance, RELU)
        assert relu.fixed_length == np.inf
        assert relu.susceptibility == pytest.approx(weight_variance / 2, rel=1e-15)
        assert relu.fixed_correlation == 1
        assert relu.correlation_map(0.0) == pytest.approx(1 / np.pi, rel=1e-15)
        assert relu.correlation_depth == np.inf
        assert relu.length_depth < 0
    # E x₁² x₂² / E x⁴ = (1 + 2 c²) / 3, with the fixed point 1/2 and the slope 4/3 c.
    square = MeanField(3.0, 0.1, Activation("square", np.square, lambda h: 2 * h, degree=2))
    assert square.fixed_length == np.inf
    assert square.susceptibility == np.inf
    assert square.fixed_correlation == pytest.approx(0.5, rel=1e-14)
    assert square.correlation_depth == pytest.approx(-1 / np.log(2 / 3), rel=1e-13)


@pytest.mark.parametrize("activation", [GELU, SILU], ids=lambda phi: phi.name)
@pytest.mark.parametrize("name", ["susceptibility", "fixed_correlation", "correlation_depth", "length_depth"])
def test_divergent_lengths_of_others_are_reported(activation, name):
    assert MeanField(100.0, 0.1, activation).fixed_length == np.inf
    with pytest.raises(ValueError, match=r"^lengths diverge at weight variance 100.0"):
        getattr(MeanField(100.0, 0.1, activation), name)


@pytest.mark.parametrize("correlation", [-1.0, 0.0, 0.4, 1.0])
def test_vanishing_lengths_keep_the_correlations_of_the_tangent(correlation):
    """σ_b = 0 in the ordered phase: φ is as good as its slopes at 0."""
    for weight_variance in (0.0, 0.5, 1.0):
        tanh = MeanField(weight_variance, 0.0)
        assert tanh.fixed_length == 0
        assert tanh.susceptibility == weight_variance
        assert tanh.correlation_map(correlation) == pytest.approx(correlation, abs=1e-15)
    limit = MeanField(0.5, 1e-13).correlation_map(correlation)
    assert limit == pytest.approx(0.5 * correlation + 0.5, abs=1e-11)
    angle = np.arccos(correlation)
    assert MeanField(1.5, 0.0, RELU).correlation_map(correlation) == pytest.approx(
        (np.sin(angle) + (np.pi - angle) * correlation) / np.pi, abs=1e-15
    )
    square = MeanField(0.1, 0.0, Activation("square", np.square, lambda h: 2 * h, degree=2))
    assert square.correlation_map(correlation) == pytest.approx((1 + 2 * correlation**2) / 3, abs=1e-14)
    flat = MeanField(0.1, 0.0, Activation("flat", lambda h: h**2 / (1 + h**2), lambda h: 2 * h / (1 + h**2) ** 2))
    with pytest.raises(ValueError, match=r"lengths vanish at weight variance 0.1.*no known limit"):
        flat.correlation_map(correlation)


def test_length_maps_that_fall():
    """cos: E cos² = (1 + exp(-2q)) / 2 and E sin² = (1 - exp(-2q)) / 2; lengths approach q* from both sides in turn."""
    ensemble = MeanField(4.0, 0.3, Activation("cos", np.cos, lambda h: -np.sin(h)))
    length = ensemble.fixed_length
    assert length == pytest.approx(2 * (1 + np.exp(-2 * length)) + 0.3, rel=1e-14)
    assert ensemble.susceptibility == pytest.approx(2 * (1 - np.exp(-2 * length)), rel=1e-13)
    assert ensemble.length_depth == pytest.approx(-1 / np.log(4 * np.exp(-2 * length)), rel=1e-12)


@pytest.mark.parametrize("variances", [(-1.0, 0.1), (1.0, -0.1), (np.nan, 0.1), (1.0, np.nan), (np.inf, 0.1)])
def test_variances_out_of_range(variances):
    with pytest.raises(ValueError, match="finite and not negative"):
        MeanField(*variances)
    if variances[0] == 1:
        with pytest.raises(ValueError, match="finite and not negative"):
            critical_weight_variance(variances[1])


def test_correlations_out_of_range():
    with pytest.raises(ValueError, match="correlation lies between"):
        MeanField(1.0, 0.05).correlation_map(1.2)
    with pytest.raises(ValueError, match="correlation lies between"):
        MeanField(1.0, 0.05, RELU).correlation_map(np.nan)


def test_trajectories_that_leave_the_numbers():
    with pytest.raises(ValueError, match="floating-point"):
        MeanField(1e10, 0.0, RELU).trajectory(1.0, 0.5, 100)


def test_depth_scales_of_rates():
    assert [depth_scale(gap) for gap in (0.0, 1.0, 0.5)] == [np.inf, 0.0, pytest.approx(1 / np.log(2))]
    assert depth_scale(1.5) == depth_scale(0.5)
    assert depth_scale(-1e-20) == -1e20


def test_hundreds_of_values_take_a_second():
    """Figures ask for some hundred values: a few milliseconds each."""
    start = time.process_time()
    for weight_variance in np.linspace(0.2, 6, 60):
        ensemble = MeanField(float(weight_variance), 0.05)
        assert ensemble.correlation_depth > 0
        assert ensemble.length_depth > 0
    assert (time.process_time() - start) / 60 < 5e-3
