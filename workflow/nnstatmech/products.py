"""Batched matrix products, by the faster of the libraries that are at hand.

On a CPU large single-precision products go to oneDNN: on processors where the default library takes narrower vector
instructions they take half the time (128 × 784 by 784 × 101: 109 µs against 226 µs), elsewhere about the same. Small
ones, other precisions, other devices and what is to be differentiated take the functions of torch by the same names.
``torch.backends.mkldnn.flags(enabled=False)`` switches oneDNN off. The results differ by rounding only.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

FEWEST_PRODUCTS = 1 << 20  # below, the call itself costs more than it saves
FEWEST_ROWS = 16

Linear = Callable[[Tensor, Tensor], Tensor]


def bmm(left: Tensor, right: Tensor) -> Tensor:
    """left (R, m, k) times right (R, k, n): (R, m, n)."""
    linear = suited(left, right)
    if linear is None:
        return torch.bmm(left, right)
    return one_by_one(linear, left, right)


def baddbmm(bias: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """A bias (R, 1, n) plus left (R, m, k) times right (R, k, n): (R, m, n)."""
    linear = suited(left, right, bias)
    if linear is None:
        return torch.baddbmm(bias, left, right)
    return one_by_one(linear, left, right).add_(bias)


def baddbmm_(sums: Tensor, left: Tensor, right: Tensor, beta: float = 1.0) -> Tensor:
    """``sums`` (R, m, n) becomes ``beta`` times itself plus left (R, m, k) times right (R, k, n)."""
    linear = suited(left, right, sums)
    if linear is None:
        return sums.baddbmm_(left, right, beta=beta)
    for total, a, b in zip(sums, left, right, strict=True):
        torch.add(linear(a, b.T), total, alpha=beta, out=total)
    return sums


def one_by_one(linear: Linear, left: Tensor, right: Tensor) -> Tensor:
    if len(left) == 1:
        return linear(left[0], right[0].T).unsqueeze(0)
    return torch.stack([linear(a, b.T) for a, b in zip(left, right, strict=True)])


def suited(left: Tensor, right: Tensor, *added: Tensor) -> Linear | None:
    """:func:`onednn_linear` where it is there and pays, and nothing is to be differentiated."""
    rows, inner, columns = *left.shape[1:], right.shape[2]
    if (
        rows * inner * columns < FEWEST_PRODUCTS
        or min(rows, inner, columns) < FEWEST_ROWS
        or left.dtype != torch.float32
        or left.device.type != "cpu"
        or not torch.backends.mkldnn.enabled
        or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (left, right, *added)))
    ):
        return None
    return onednn_linear()


@functools.cache
def onednn_linear() -> Linear | None:
    """x, w ↦ x wᵀ by oneDNN for tensors of any strides, tried once; None where torch has no such operator."""
    a, b = torch.arange(12.0).view(3, 4), torch.arange(20.0).view(4, 5)
    try:
        operator = torch.ops.mkldnn._linear_pointwise.default
        right = torch.equal(operator(a, b.T, None, "none", [], ""), a @ b)
        right &= torch.equal(operator(b.T, a, None, "none", [], ""), b.T @ a.T)
    except (AttributeError, RuntimeError, TypeError):
        return None
    return (lambda x, w: operator(x, dense(w), None, "none", [], "")) if right else None


def dense(matrix: Tensor) -> Tensor:
    """A matrix without gaps between its rows or columns: oneDNN multiplies others a thousand times slower."""
    return matrix if matrix.is_contiguous() or matrix.T.is_contiguous() else matrix.contiguous()
