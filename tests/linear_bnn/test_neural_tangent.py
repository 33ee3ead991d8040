"""Trained networks, least-squares fits and linearisations."""

import numpy as np
import pytest
import torch

from nnstatmech.linear_bnn import measures
from nnstatmech.linear_bnn.neural_tangent import (
    BiasedNetwork,
    constant_feature,
    least_squares_outputs,
    linearised_outputs,
)
from nnstatmech.linear_bnn.params import NeuralTangent
from nnstatmech.linear_bnn.tasks import neural_tangent as task

from .digits import small_digits

GENERATOR = torch.Generator().manual_seed(3)


def test_a_step_follows_the_gradient():
    network = BiasedNetwork.draw(12, 9, [0, 1])
    names = ("weight", "readout", "bias", "constant")
    for name in names:
        drawn = getattr(network, name).double()
        setattr(network, name, drawn + 0.1 * torch.rand(drawn.shape, generator=GENERATOR, dtype=torch.float64))
    x = torch.rand(2, 5, 12, generator=GENERATOR, dtype=torch.float64)
    leaves = {name: getattr(network, name).clone().requires_grad_() for name in names}
    (BiasedNetwork(**leaves)(x) - 5.0).square().mean(-1).sum().backward()
    network.descend(x, 5.0, 0.01)
    for name, leaf in leaves.items():
        torch.testing.assert_close(getattr(network, name), (leaf - 0.01 * leaf.grad).detach(), rtol=1e-12, atol=1e-13)


def test_a_constant_target_is_fitted_exactly_by_a_constant():
    x, at = torch.rand(40, 6, generator=GENERATOR), torch.rand(7, 6, generator=GENERATOR)
    fit = least_squares_outputs(x, torch.full((40,), 5.0), at, constant=1.0)
    torch.testing.assert_close(fit, torch.full((7,), 5.0, dtype=torch.float64))


@pytest.mark.parametrize(("inputs", "width"), [(5, 20_000), (200, 20_000), (64, 64 * 100), (2000, 2000)])
def test_the_wide_tangent_kernel_has_the_constant_that_is_stated(inputs, width):
    """Gradients of one wide network by automatic differentiation: its kernel is c (x·x' + constant²)."""
    network = BiasedNetwork.draw(inputs, width, [0])
    leaves = [leaf.requires_grad_() for leaf in (network.weight, network.readout, network.bias, network.constant)]
    x = torch.randn(3, inputs, generator=GENERATOR) / inputs**0.5
    slopes = [torch.autograd.grad(network(row[None, None]).sum(), leaves) for row in x]
    gradients = torch.stack([torch.cat([part.flatten() for part in parts]) for parts in slopes])
    kernel = gradients @ gradients.mT
    products = (x @ x.mT).double()
    # The kernel's slope and intercept against x·x' over all pairs.
    slope, intercept = np.polyfit(products.flatten().numpy(), kernel.detach().double().flatten().numpy(), 1)
    # A wide layer's |a|² and Wx·Wx' fluctuate by 2/√n.
    assert intercept / slope == pytest.approx(constant_feature(inputs, width) ** 2, abs=6 / width**0.5)


def test_as_many_hidden_units_as_inputs_have_a_constant_of_one():
    assert constant_feature(784, 784) == 1
    assert constant_feature(10, 10**9) == pytest.approx(0.75**0.5, rel=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.7, 1.0])
def test_fit_of_smallest_norm_is_that_of_the_kernel(constant):
    x, at = torch.rand(5, 30, generator=GENERATOR).double(), torch.rand(4, 30, generator=GENERATOR).double()
    y = torch.randn(5, generator=GENERATOR).double()
    expected = (at @ x.T + constant**2) @ torch.linalg.solve(x @ x.T + constant**2, y)
    torch.testing.assert_close(least_squares_outputs(x, y, at, constant), expected)


def test_directions_without_images_stay_empty():
    x = torch.rand(50, 6, generator=GENERATOR).double()
    padded = torch.cat([x, torch.zeros(50, 3)], 1)
    at = torch.rand(4, 9, generator=GENERATOR).double()
    y = torch.randn(50, generator=GENERATOR).double()
    ours = least_squares_outputs(padded, y, at, constant=0.0)
    torch.testing.assert_close(ours, at[:, :6] @ torch.linalg.lstsq(x, y[:, None]).solution[:, 0])


def test_linearisation_fits_its_images_and_is_the_tangent_of_the_network():
    width, inputs, networks = 7, 6, 3
    weights = [
        torch.randn(width, inputs, networks, generator=GENERATOR).double(),
        torch.randn(1, width, networks, generator=GENERATOR).double(),
    ]
    x, at = torch.rand(4, inputs, generator=GENERATOR).double(), torch.rand(5, inputs, generator=GENERATOR).double()
    y = torch.randn(4, generator=GENERATOR).double()
    torch.testing.assert_close(linearised_outputs(weights, x, y, x), y.expand(networks, -1))

    def outputs(theta, images):
        return theta[width * inputs :] @ theta[: width * inputs].reshape(width, inputs) @ images.T

    for i in range(networks):
        theta = torch.cat([weights[0][..., i].flatten(), weights[1][0, :, i]])
        jacobian = torch.autograd.functional.jacobian(lambda t: outputs(t, torch.cat([x, at])), theta)
        change = jacobian[4:] @ torch.linalg.pinv(jacobian[:4]) @ (y - outputs(theta, x))
        expected = outputs(theta, at) + change
        torch.testing.assert_close(linearised_outputs(weights, x, y, at)[i], expected)


SMALL = NeuralTangent(
    procedure="published", width=32, epochs=2, widths=[8, 16], networks=6, tolerance=1e-5, max_steps=4000, test_images=6
)


def test_the_task_does_not_depend_on_the_shard(compare_shards):
    compare_shards(task, SMALL, small_digits(), rtol=0.02, atol=1e-4)


def test_the_table_holds_every_network_converged_or_not(rows_of):
    table = rows_of(task, SMALL.model_copy(update={"max_steps": 50}), [0], small_digits())
    converged = table[table["quantity"] == "converged"]
    assert len(converged) == 12
    assert converged["value"].min() == 0
    assert len(table[table["quantity"] == "outputs"]) == 12 + 2


def test_one_digit_twice_is_refused():
    with pytest.raises(ValueError, match="names one digit twice"):
        NeuralTangent(pair=[3, 3])
    with pytest.raises(ValueError, match="is odd"):
        NeuralTangent(pair_images=5)


@pytest.mark.slow
def test_wide_networks_end_in_the_exact_posterior_and_near_their_linearisation(rows_of):
    params = NeuralTangent(width=8, epochs=1, widths=[32, 64, 128], networks=100, max_steps=80_000)
    table = rows_of(task, params, range(6), small_digits(600, 200))
    table.attrs["runs"] = {"single": params.model_dump()}
    assert (table[table["quantity"] == "converged"]["value"] == 1).all()
    ratio = measures.posterior_variance_ratio(table, 128)
    # Descent differs from the exact law by terms of order P/n.
    assert abs(ratio.value - 1) < 4 * ratio.standard_error + 8 / 128
    exponent = measures.linearisation_exponent(table, 32)
    assert exponent.value < -1.5
    last = table[table["hidden_width"] == 128]
    exact, process = (
        np.stack(list(last[last["quantity"] == "exact_mean"]["profile"]))[0],
        np.stack(list(table[table["quantity"] == "process_mean"]["profile"]))[0],
    )
    # Without noise the posterior mean is the interpolation of the kernel at any width.
    np.testing.assert_allclose(exact, process, atol=1e-4)
