"""Scalar channels against a high-precision reference and against automatic differentiation."""

import itertools
import math

import mpmath as mp
import pytest
import torch

from nnstatmech.message_passing.channels import (
    argmax_output,
    binary_output,
    binary_weight,
    committee_output,
    gaussian_weight,
    identity,
    relu,
    sign,
    special,
)


@pytest.fixture(scope="module", autouse=True)
def precision():
    """1 + tanh(B) erf(30/√2) differs from 1 in the 200th digit."""
    with mp.workdps(450):
        yield


FIELDS = [0.0, 1e-3, 0.4, 2.0, 8.0, 12.0, 40.0, 100.0, math.inf]
ARGUMENTS = [-30.0, -17.0, -8.0, -2.0, -1e-3, 0.0, 0.4, 3.0, 9.0, 30.0]
VARIANCES = [0.01, 60.0]

# Tolerances are relative, in units of what rounding u and V alone does to these functions at |u| = 30: the
# logarithm of g moves by u du, so by u² times the unit round-off (900 × 6e-8 in float32).
UNIT = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
# Below this size numbers are flushed by the guard against overflow.
FLUSHED = {torch.float32: 1e-30, torch.float64: 1e-280}


def reference_score(B, omega, variance):
    B, omega, scale = mp.mpf(B), mp.mpf(omega), mp.sqrt(mp.mpf(variance))
    u, t = omega / scale, mp.tanh(B)
    return 2 * t * mp.npdf(u) / (1 + t * mp.erf(u / mp.sqrt(2))) / scale


def reference_up_field(u):
    u = mp.mpf(u)
    return mp.log(mp.ncdf(u) / mp.ncdf(-u)) / 2


@pytest.fixture(scope="module")
def grid():
    """B, ω, V that float32 represents exactly, and the reference g."""
    points = []
    for B, u, variance in itertools.product(FIELDS, ARGUMENTS, VARIANCES):
        variance = float(torch.tensor(variance))
        omega = float(torch.tensor(u * math.sqrt(variance)))
        for signed in {B, -B}:
            points.append((signed, omega, variance, float(reference_score(signed, omega, variance))))
    return torch.tensor(points, dtype=torch.float64).T


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sign_score_agrees_with_the_reference_for_any_field(grid, dtype):
    B, omega, variance, expected = grid
    g = sign.score(B.to(dtype), omega.to(dtype), variance.to(dtype))
    assert g.isfinite().all()
    u_squared = omega.square() / variance
    tolerance = (8 + u_squared) * UNIT[dtype] * 4 * expected.abs() + FLUSHED[dtype]
    assert ((g.double() - expected).abs() <= tolerance).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sign_curvature_is_minus_the_slope_of_the_score(grid, dtype):
    B, omega, variance, expected = grid
    exact = torch.tensor(
        [
            float(g * (g + mp.mpf(w) / mp.mpf(v)))
            for g, w, v in zip(expected.tolist(), omega.tolist(), variance.tolist(), strict=True)
        ],
        dtype=torch.float64,
    )
    B, omega, variance = B.to(dtype), omega.to(dtype), variance.to(dtype)
    curvature = sign.curvature(sign.score(B, omega, variance), omega, variance)
    assert curvature.isfinite().all()
    # The natural scale of Γ is u²/V: g and ω/V cancel in it.
    scale = (1 + omega.double().square() / variance.double()) / variance.double()
    assert ((curvature.double() - exact).abs() <= 4000 * UNIT[dtype] * scale).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_up_field_agrees_with_the_reference(dtype):
    u = torch.tensor([a for x in ARGUMENTS for a in (x, -x)], dtype=dtype)
    expected = torch.tensor([float(reference_up_field(x)) for x in u.tolist()], dtype=torch.float64)
    b = sign.up_field(u * 3, torch.full_like(u, 9.0)).double()
    # Absolute for |u| < 1, where b is a difference of numbers of order one; relative beyond.
    assert ((b - expected).abs() <= 16 * UNIT[dtype] * (1 + expected.abs())).all()


def test_sign_channel_against_autograd():
    generator = torch.Generator().manual_seed(0)
    B, omega = 2 * torch.randn(2, 200, generator=generator, dtype=torch.float64)
    variance = 0.2 + 3 * torch.rand(200, generator=generator, dtype=torch.float64)
    B.requires_grad_()
    omega.requires_grad_()
    phi = sign.log_partition(B, omega, variance).sum()
    slope_B, slope_omega = torch.autograd.grad(phi, (B, omega), create_graph=True)
    (bend_B,) = torch.autograd.grad(slope_B.sum(), B, retain_graph=True)
    (bend_omega,) = torch.autograd.grad(slope_omega.sum(), omega)
    mean, spread = sign.moments(B, omega, variance)
    g = sign.score(B, omega, variance)
    torch.testing.assert_close(mean, slope_B, rtol=0, atol=1e-12)
    torch.testing.assert_close(spread, bend_B, rtol=0, atol=1e-12)
    torch.testing.assert_close(g, slope_omega, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(sign.curvature(g, omega, variance), -bend_omega, rtol=1e-10, atol=1e-11)


def test_score_derivatives_against_autograd():
    generator = torch.Generator().manual_seed(1)
    B, omega = torch.randn(2, 50, generator=generator, dtype=torch.float64)
    variance = 0.5 + torch.rand(50, generator=generator, dtype=torch.float64)
    omega.requires_grad_()
    g = (torch.tanh(B) * 2 * torch.exp(-(omega**2) / (2 * variance)) / math.sqrt(2 * math.pi)) / variance.sqrt()
    g = g / (1 + torch.tanh(B) * torch.erf(omega / (2 * variance).sqrt()))
    derivatives = sign.score_derivatives(g.detach(), omega.detach(), variance, 5)
    for derivative in derivatives:
        torch.testing.assert_close(derivative, g.detach(), rtol=1e-8, atol=1e-9)
        (g,) = torch.autograd.grad(g.sum(), omega, create_graph=True)


def test_binary_output_is_the_sign_channel_in_an_infinite_field():
    labels = torch.tensor([1.0, -1.0, 1.0, -1.0])
    omega, variance = torch.tensor([3.0, 2.0, -25.0, 0.0]), torch.tensor([1.0, 4.0, 1.0, 0.3])
    hard = sign.score(binary_output.hard_field(labels), omega, variance)
    torch.testing.assert_close(binary_output.score(labels, omega, variance), hard, rtol=1e-5, atol=1e-30)


def test_binary_output_against_autograd():
    labels = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    omega = torch.tensor([0.5, 2.0, -6.0], dtype=torch.float64, requires_grad=True)
    variance = torch.tensor([1.0, 4.0, 2.0], dtype=torch.float64)
    (slope,) = torch.autograd.grad(binary_output.log_evidence(labels, omega, variance).sum(), omega)
    torch.testing.assert_close(binary_output.score(labels, omega, variance), slope, rtol=1e-10, atol=0)


@pytest.mark.parametrize("channel", [identity, relu])
def test_real_activations_against_autograd(channel):
    generator = torch.Generator().manual_seed(2)
    A = 0.1 + 2 * torch.rand(100, generator=generator, dtype=torch.float64)
    B, omega = 1.5 * torch.randn(2, 100, generator=generator, dtype=torch.float64)
    variance = 0.2 + 2 * torch.rand(100, generator=generator, dtype=torch.float64)
    B.requires_grad_()
    omega.requires_grad_()
    phi = channel.log_partition(A, B, omega, variance).sum()
    slope_B, slope_omega = torch.autograd.grad(phi, (B, omega), create_graph=True)
    (bend_B,) = torch.autograd.grad(slope_B.sum(), B, retain_graph=True)
    (bend_omega,) = torch.autograd.grad(slope_omega.sum(), omega)
    for ours, theirs in zip(
        (*channel.moments(A, B, omega, variance), *channel.score_and_curvature(A, B, omega, variance)),
        (slope_B, bend_B, slope_omega, -bend_omega),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("channel", "active"), [(identity, lambda z: z), (relu, lambda z: max(z, 0))])
@pytest.mark.parametrize("point", [(0.5, 1.0, -0.7, 2.0), (3.0, -2.0, 4.0, 0.5), (0.01, 25.0, -20.0, 1.0)])
def test_real_activations_against_quadrature(channel, active, point):
    A, B, omega, variance = point
    with mp.workdps(30):

        def moment(power):
            def weight(z):
                x = active(z)
                gaussian = mp.npdf(z, omega, mp.sqrt(variance))
                return mp.mpf(x) ** power * mp.exp(B * x - A * x * x / 2) * gaussian

            return mp.quad(weight, list(range(-60, 61)))

        partition = moment(0)
        mean = moment(1) / partition
        expected = float(mp.log(partition)), float(mean), float(moment(2) / partition - mean**2)
    tensors = torch.tensor(point, dtype=torch.float64)
    ours = channel.log_partition(*tensors), *channel.moments(*tensors)
    for value, reference in zip(ours, expected, strict=True):
        assert float(value) == pytest.approx(reference, rel=1e-8, abs=1e-9)


def test_relu_stays_finite_where_one_branch_vanishes():
    A, variance = torch.tensor(0.5), torch.tensor(1.0)
    for B, omega in ((300.0, 5.0), (-300.0, -30.0), (0.0, 30.0), (40.0, -30.0)):
        B, omega = torch.tensor(B), torch.tensor(omega)
        values = *relu.moments(A, B, omega, variance), *relu.score_and_curvature(A, B, omega, variance)
        assert all(value.isfinite() for value in values)


def test_argmax_score_is_the_gradient_of_its_evidence():
    generator = torch.Generator().manual_seed(3)
    omega = (4 * torch.randn(30, 10, generator=generator, dtype=torch.float64)).requires_grad_()
    variance = 0.3 + torch.rand(30, 10, generator=generator, dtype=torch.float64)
    classes = torch.randint(10, (30,), generator=generator)
    (slope,) = torch.autograd.grad(argmax_output.log_evidence(classes, omega, variance).sum(), omega)
    torch.testing.assert_close(argmax_output.score(classes, omega.detach(), variance), slope, rtol=1e-9, atol=1e-12)


def test_argmax_with_two_classes_is_a_binary_output():
    omega, variance = torch.tensor([[1.5, -0.3]]), torch.tensor([[0.7, 2.0]])
    both = argmax_output.score(torch.tensor([0]), omega, variance)
    binary = binary_output.score(torch.ones(1), omega[:, 0] - omega[:, 1], variance.sum(-1))
    torch.testing.assert_close(both[0], torch.stack([binary[0], -binary[0]]))


def test_committee_fields_approach_exact_enumeration():
    """The error of the Gaussian vote falls with the number of units."""
    generator = torch.Generator().manual_seed(4)
    worst = []
    for units in (5, 13):
        fields = 0.5 * torch.randn(units, generator=generator, dtype=torch.float64)
        votes = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=units)), dtype=torch.float64)
        weight = torch.exp(votes @ fields) * (votes.sum(1) > 0)
        exact = torch.stack(
            [0.5 * torch.log(weight[votes[:, k] > 0].sum() / weight[votes[:, k] < 0].sum()) for k in range(units)]
        )
        ours = committee_output.fields_down(torch.ones((), dtype=torch.float64), fields)
        worst.append(float((ours - (exact - fields)).abs().max()))
    assert worst[1] < 0.5 * worst[0] < 0.02


def test_weight_priors_against_autograd():
    H = torch.linspace(-8, 8, 32, dtype=torch.float64, requires_grad=True)
    G = torch.linspace(0.1, 5, 32, dtype=torch.float64)
    for potential, mean, variance in (
        (binary_weight.log_partition(H), binary_weight.mean(H), binary_weight.variance(H)),
        (gaussian_weight.log_partition(H, G), *gaussian_weight.moments(H, G)),
    ):
        (slope,) = torch.autograd.grad(potential.sum(), H, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), H)
        torch.testing.assert_close(mean.detach(), slope.detach(), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(variance.detach(), bend.detach(), rtol=1e-9, atol=1e-13)


def test_fast_forms_of_float32():
    y = torch.linspace(0, 40, 4001)
    exact = torch.special.erfcx(y.double())
    assert ((special.erfcx_fit(y).double() - exact).abs() <= 5e-7 * exact).all()
    x = torch.linspace(-20, 20, 4001)
    assert (special.fast_tanh(x) - torch.tanh(x)).abs().max() < 4e-7


def test_product_field_is_exact_where_tanh_saturates():
    for a, b in ((0.3, 2.0), (-15.0, 12.0), (40.0, 41.0), (-5.0, 0.0)):
        exact = float(mp.atanh(mp.tanh(mp.mpf(a)) * mp.tanh(mp.mpf(b))))
        assert float(special.product_field(torch.tensor(a), torch.tensor(b))) == pytest.approx(exact, rel=1e-6)


def test_noisy_comparisons_against_autograd_and_without_noise():
    """Σ_{k≠c} log[(1 − e) H(t_k) + e H(−t_k)], and the noiseless score at e = 0."""
    generator = torch.Generator().manual_seed(3)
    omega = torch.randn(6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    variance = 0.3 + torch.rand(6, 5, generator=generator, dtype=torch.float64)
    classes = torch.tensor([0, 1, 2, 3, 4, 2])
    noise = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.45, 0.01], dtype=torch.float64)
    rivals, _, t = argmax_output.margins(classes, omega, variance)
    e = noise.unsqueeze(-1)
    evidence = (rivals * torch.log((1 - e) * torch.special.ndtr(-t) + e * torch.special.ndtr(t))).sum()
    (expected,) = torch.autograd.grad(evidence, omega)
    found = argmax_output.noisy_score(classes, omega.detach(), variance, noise)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    sharp = argmax_output.noisy_score(classes, omega.detach(), variance, 0 * noise)
    torch.testing.assert_close(sharp, argmax_output.score(classes, omega.detach(), variance), rtol=1e-9, atol=1e-12)


def test_a_noisy_label_is_a_finite_field():
    labels, noise = torch.tensor([[1.0, -1.0]], dtype=torch.float64), torch.tensor([0.2], dtype=torch.float64)
    field = binary_output.noisy_field(labels.unsqueeze(0), noise)[0, :, :2]
    omega, variance = torch.tensor([[0.7, 0.4]], dtype=torch.float64), torch.tensor([[1.3, 0.6]], dtype=torch.float64)
    omega.requires_grad_()
    u = labels * omega / variance.sqrt()
    evidence = torch.log(0.8 * torch.special.ndtr(u) + 0.2 * torch.special.ndtr(-u)).sum()
    (expected,) = torch.autograd.grad(evidence, omega)
    fields = labels * 0.5 * math.log(0.8 / 0.2)
    torch.testing.assert_close(sign.score(fields, omega.detach(), variance), expected, rtol=1e-10, atol=1e-12)
    assert field.abs().max() == pytest.approx(0.5 * math.log(4))
