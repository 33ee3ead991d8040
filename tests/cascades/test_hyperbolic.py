"""NumPy's tanh in PyTorch's clothes."""

import pytest
import torch

from nnstatmech.cascades.hyperbolic import tanh, tanh_, tanh_gradient


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_tanh_within_the_rounding(dtype):
    x = torch.cat([torch.linspace(-20, 20, 100_001, dtype=dtype), torch.logspace(-30, 0, 1001, dtype=dtype)])
    exact = x.double().tanh() if dtype is torch.float32 else x.tanh()
    error = (tanh(x).double() - exact).abs()
    assert (error <= 2 * torch.finfo(dtype).eps * exact.abs()).all()


def test_ends_and_nothing_are_kept():
    x = torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0, -0.0])
    torch.testing.assert_close(tanh(x), torch.tensor([1.0, -1.0, torch.nan, 0.0, -0.0]), equal_nan=True)


def test_any_layout_of_memory_gives_the_same():
    x = torch.randn(6, 7, 8, generator=torch.Generator().manual_seed(0))
    for view in (x.permute(2, 0, 1), x[:, ::2, 1:], x[:1].expand(5, -1, -1)):
        torch.testing.assert_close(tanh(view), view.tanh(), rtol=1e-6, atol=0)


def test_in_place_and_gradients_by_hand():
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)
    y = x.clone()
    assert tanh_(y) is y
    torch.testing.assert_close(y, x.tanh())
    torch.testing.assert_close(tanh_gradient(torch.full_like(x, 2), y), 2 / x.cosh() ** 2)


def test_it_can_be_differentiated_once_and_on_the_meta_device():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(tanh, (x,))
    with torch.no_grad():
        assert tanh(x).requires_grad is False
    assert tanh(torch.empty(3, device="meta")).shape == (3,)
