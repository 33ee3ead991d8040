"""Convolutions in double precision on the CPU, for which torch has no fast kernel, and of signal and noise at once."""

import math
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from torch import Tensor

CONVOLUTIONS = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
# Torch multiplies image by image; below so many positions an image leaves too little work, or misses the caches.
FEW_POSITIONS = 1024
COLUMNS = 2**20  # elements of all windows of some images: what stays in a cache


def convolution(function: Any, *arguments: Any, **named: Any) -> Tensor:
    """``function``, one of :data:`CONVOLUTIONS`, with faster ways to the same result.

    Dual numbers go through one convolution of twice as many images.
    """
    x, weight, bias, *rest = (*arguments, None) if len(arguments) == 2 else arguments
    if named or not isinstance(x, Tensor) or x.dim() != CONVOLUTIONS[function] + 2:
        return function(*arguments, **named)
    if forward_ad._current_level < 0:
        return fastest(function, x, weight, bias, *rest)
    signal, noise = forward_ad.unpack_dual(x)
    if noise is None or forward_ad.unpack_dual(weight).tangent is not None:
        return function(*arguments)
    both = fastest(function, torch.cat([signal, noise]), weight, None, *rest)
    signal, noise = both.chunk(2)
    if bias is not None:
        signal = signal + bias.view(-1, *[1] * CONVOLUTIONS[function])
    return forward_ad.make_dual(signal, noise)


def fastest(
    function: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride=1, padding=0, dilation=1, groups: int = 1
) -> Tensor:
    """The convolution as one product of matrices where that is faster."""
    plain = function is torch.conv2d and groups == 1 and not isinstance(padding, str)
    if not plain or x.dtype != torch.float64 or x.device.type != "cpu" or math.prod(weight.shape[2:]) == 1:
        return function(x, weight, bias, stride, padding, dilation, groups)
    stride, padding, dilation = (pair(value) for value in (stride, padding, dilation))
    sides = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    ]
    positions = math.prod(sides)
    if not 0 < positions <= FEW_POSITIONS:
        return function(x, weight, bias, stride, padding, dilation, groups)
    rows = weight.flatten(1)
    parts = []
    for images in x.split(max(1, COLUMNS // (rows.shape[1] * positions))):
        columns = F.unfold(images, weight.shape[2:], dilation, padding, stride)
        product = rows @ columns.transpose(0, 1).reshape(rows.shape[1], -1)
        parts.append(product.view(len(rows), len(images), *sides).transpose(0, 1).contiguous())
    result = torch.cat(parts) if len(parts) > 1 else parts[0]
    return result if bias is None else result + bias.view(-1, 1, 1)


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """A size for both axes."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
