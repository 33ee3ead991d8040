"""Sums over edges: the eager form against the plain definition, and the compiled form against the eager one."""

import os
import subprocess
import sys

import pytest
import torch

from nnstatmech.message_passing import kernels, loops
from nnstatmech.message_passing.channels import sign
from nnstatmech.message_passing.kernels import EdgeCoefficients

needs_compiler = pytest.mark.skipif(loops.library() is None, reason="no C compiler at hand")


def layer(samples: int, units: int, inputs: int, dtype=torch.float64, polarised: float = 1.0):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(samples, inputs, generator=generator, dtype=torch.float64)
    m = torch.tanh(polarised * torch.randn(units, inputs, generator=generator, dtype=torch.float64))
    omega, variance = x @ m.T, (x * x) @ (1 - m * m).T + 1e-8
    field = 3 * torch.randn(samples, units, generator=generator, dtype=torch.float64)
    field[::3] = torch.inf * torch.sign(field[::3])
    return [tensor.to(dtype) for tensor in (x, m, omega, variance, field)]


def definition(x, m, omega, variance, field):
    """H_in and B with one number per edge and sample, which the kernels never store."""
    cavity = omega[:, :, None] - m * x[:, None, :]
    g = sign.score(field[:, :, None], cavity, variance[:, :, None].expand_as(cavity))
    return (g * x[:, None, :]).sum(0), (g * m).sum(1)


def assert_close(ours, exact, relative):
    assert (ours.double() - exact).abs().max() <= relative * exact.abs().max()


@pytest.mark.parametrize("polarised", [1.0, 30.0], ids=["soft", "polarised"])
@pytest.mark.parametrize(("dtype", "relative"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_eager_sums_agree_with_the_definition(monkeypatch, dtype, relative, polarised):
    monkeypatch.setattr(loops, "serve", lambda *tensors: False)
    x, m, omega, variance, field = layer(30, 13, 101, polarised=polarised)
    field_in, field_down = definition(x, m, omega, variance, field)
    x, m, omega, variance, field = (tensor.to(dtype) for tensor in (x, m, omega, variance, field))
    coefficients = EdgeCoefficients.of(field, variance)
    assert_close(kernels.bpi_field_in(x, m, omega, coefficients), field_in, relative)
    assert_close(kernels.bpi_field_down(x, m, omega, coefficients), field_down, relative)


@pytest.mark.parametrize("edges", [1, 3 * 11, 2 * 5 * 11])
def test_blocks_cover_all_edges(monkeypatch, edges):
    x, m, omega, variance, field = layer(7, 5, 11)
    coefficients = EdgeCoefficients.of(field, variance)
    whole = kernels.bpi_field_in(x, m, omega, coefficients), kernels.bpi_field_down(x, m, omega, coefficients)
    monkeypatch.setattr(kernels, "EAGER_BLOCK_EDGES", edges)
    parts = kernels.bpi_field_in(x, m, omega, coefficients), kernels.bpi_field_down(x, m, omega, coefficients)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


@needs_compiler
@pytest.mark.parametrize("inputs", [201, 64, 7])
@pytest.mark.parametrize("polarised", [1.0, 30.0], ids=["soft", "polarised"])
def test_compiled_sums_agree_with_the_definition(inputs, polarised):
    x, m, omega, variance, field = layer(40, 21, inputs, polarised=polarised)
    exact = definition(x, m, omega, variance, field)
    x, m, omega, variance, field = (tensor.float() for tensor in (x, m, omega, variance, field))
    coefficients = EdgeCoefficients.of(field, variance)
    both = kernels.bpi_fields(x, m, omega, coefficients)
    assert kernels.status() == "fused"
    assert both[1] is not None
    for one, target in zip(both, exact, strict=True):
        assert_close(one, target, 1e-5)
    alone, nothing = kernels.bpi_fields(x, m, omega, coefficients, sends_down=False)
    assert nothing is None
    assert_close(alone, exact[0], 1e-5)


@pytest.mark.parametrize("variables", [{"NNSTATMECH_NO_COMPILE": "1"}, {"CC": "/nowhere/cc"}])
def test_without_a_compiler_the_sums_run_eagerly_and_say_so(variables, tmp_path):
    program = (
        "import torch; from nnstatmech.message_passing import kernels as k\n"
        "x, m, w = torch.ones(40, 201), torch.zeros(21, 201), torch.zeros(40, 21)\n"
        "print(k.bpi_field_in(x, m, w, k.EdgeCoefficients.of(w + 1, w + 1)).shape, k.status())"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "XDG_CACHE_HOME": str(tmp_path),
        **variables,
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("torch.Size([21, 201]) eager: ")


def masked_layer(density: float, dtype=torch.float64):
    x, m, _, _, field = layer(30, 13, 101, dtype=torch.float64)
    mask = (torch.rand(m.shape, generator=torch.Generator().manual_seed(1)) < density).double()
    mask[3] = 0  # a unit without any weight
    m = m * mask
    omega, variance = x @ m.T, (x * x) @ (mask - m * m).T + 1e-3
    return [tensor.to(dtype) for tensor in (x, m, omega, variance, field, mask)]


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_compiler)])
@pytest.mark.parametrize(("dtype", "relative"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("density", [0.05, 0.5])
def test_sparse_sums_agree_with_the_definition(monkeypatch, density, dtype, relative, compiled):
    if not compiled:
        monkeypatch.setattr(loops, "serve", lambda *tensors: False)
    x, m, omega, variance, field, mask = masked_layer(density)
    field_in, field_down = definition(x, m, omega, variance, field)
    x, m, omega, variance, field, mask = (tensor.to(dtype) for tensor in (x, m, omega, variance, field, mask))
    coefficients = EdgeCoefficients.of(field, variance)
    edges = kernels.SparseEdges(mask)
    ours = kernels.bpi_fields(x, m, omega, coefficients, edges=edges)
    assert_close(ours[0], field_in * mask.double(), relative)
    assert ours[1] is not None
    assert_close(ours[1], field_down, relative)
    alone, nothing = kernels.bpi_fields(x, m, omega, coefficients, edges=edges, sends_down=False)
    assert nothing is None
    assert_close(alone, field_in * mask.double(), relative)


def test_sparse_sums_take_only_the_edges_that_exist(monkeypatch):
    """Edges that a score is evaluated on: those of the mask, and the few that fill a group's shorter rows."""
    monkeypatch.setattr(kernels, "UNITS_PER_GROUP", 4)
    x, m, omega, variance, field, mask = masked_layer(0.1)
    counted = []
    score = kernels.Preactivation.score
    monkeypatch.setattr(
        kernels.Preactivation, "score", lambda self, B: counted.append(self.ratio.numel()) or score(self, B)
    )
    edges = kernels.SparseEdges(mask)
    kernels.bpi_fields(x, m, omega, EdgeCoefficients.of(field, variance), edges=edges)
    assert edges.existing == int(mask.sum())
    assert edges.existing * len(x) <= sum(counted) <= 1.6 * edges.existing * len(x)
