"""Products of matrices, whichever library computes them."""

import pytest
import torch

from nnstatmech import products


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("form", ["up", "in", "down"])
def test_products_agree_with_those_of_double_precision(replicas, form):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(replicas, 64, 301, generator=generator)
    m, g = (torch.randn(replicas, *shape, generator=generator) for shape in ((101, 301), (64, 101)))
    left, right = {"up": (x, m.mT), "in": (g.mT, x), "down": (g, m)}[form]
    exact = torch.bmm(left.double(), right.double())
    ours = products.bmm(left, right)
    assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(products.bmm(left, right), torch.bmm(left, right))


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("part", [301, 200])  # of the columns of larger matrices
def test_sums_of_products_and_parts_of_matrices(beta, part):
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.randn(2, 80, 301, generator=generator)[..., :part] for _ in range(2))
    sums, bias = torch.randn(2, 80, 80, generator=generator), torch.randn(2, 1, 80, generator=generator)
    exact = left.double() @ right.double().mT
    torch.testing.assert_close(products.baddbmm(bias, left, right.mT), (exact + bias).float(), rtol=1e-4, atol=1e-4)
    expected = (beta * sums.double() + exact).float()
    assert products.baddbmm_(sums, left, right.mT, beta) is sums
    torch.testing.assert_close(sums, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("which", range(3))
def test_what_is_to_be_differentiated_is(which):
    generator = torch.Generator().manual_seed(2)
    tensors = [torch.randn(1, *shape, generator=generator) for shape in ((1, 128), (128, 128), (128, 128))]
    tensors[which].requires_grad_()
    products.baddbmm(*tensors).sum().backward()
    assert tensors[which].grad.abs().sum() > 0


@pytest.mark.parametrize("operator", [None, lambda *arguments: torch.zeros(3, 5)])
def test_without_the_operator_or_with_a_wrong_one_the_usual_product_is_taken(monkeypatch, operator):
    class Operators:
        class mkldnn:
            class _linear_pointwise:
                default = operator

    monkeypatch.setattr(products.torch, "ops", Operators)
    assert products.onednn_linear.__wrapped__() is None


def test_products_need_no_values():
    left, right = torch.empty(1, 128, 784, device="meta"), torch.empty(1, 784, 101, device="meta")
    assert products.bmm(left, right).shape == (1, 128, 101)
