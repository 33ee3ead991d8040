"""Networks of this family as modules of PyTorch, one at a time: for what looks at a network from outside."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .hyperbolic import tanh
from .networks import KERNEL, Convolution, Dense, Layer, LayerParameters, PooledReadout, ResidualBlock


class PeriodicFrame(nn.Module):
    """A frame of one pixel that continues images (M, C, H, W) periodically."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, (1, 1, 1, 1), mode="circular")


class Residual(nn.Module):
    """tanh(F(x) + x)."""

    def __init__(self, *branch: nn.Module):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.activation = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.branch(x) + x)


class PixelMeans(nn.Module):
    """Means of the channels over all pixels, (M, C, H, W) to (M, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def module_of(layers: Sequence[Layer], parameters: Sequence[LayerParameters]) -> nn.Sequential:
    """The first network of an ensemble; it takes images (M, units) or (M, channels, height, width).

    Parameters
    ----------
    layers, parameters
        As :func:`.networks.forward` takes them.

    Raises
    ------
    TypeError
        If a layer is of a kind that has no module.
    """
    return nn.Sequential(*(part for pair in zip(layers, parameters, strict=True) for part in modules_of(*pair)))


def modules_of(layer: Layer, parameters: LayerParameters) -> list[nn.Module]:
    """The modules that make up one layer."""
    match layer:
        case Dense():
            return [affine(*parameters[0]), *([nn.Tanh()] if layer.activation is tanh else [])]
        case Convolution():
            frame = [PeriodicFrame()] if layer.padding == "periodic" else []
            return [convolution(*parameters[0], layer.stride, int(layer.padding == "zero")), nn.Tanh(), *frame]
        case ResidualBlock():
            first, second = (convolution(*own) for own in parameters)
            return [Residual(first, nn.Tanh(), PeriodicFrame(), second, PeriodicFrame())]
        case PooledReadout():
            return [PixelMeans(), affine(*parameters[0]), *([nn.Tanh()] if layer.activation is tanh else [])]
    raise TypeError(f"{type(layer).__name__} has no module of PyTorch")


def affine(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """The linear map of weights (1, inputs, outputs) and a bias (1, 1, outputs)."""
    module = nn.Linear(weight.shape[1], weight.shape[2], bias is not None, device=weight.device)
    return with_parameters(module, weight[0].T, bias)


def convolution(weight: Tensor, bias: Tensor | None, stride: int = 1, margin: int = 0) -> nn.Conv2d:
    """The convolution of weights (1, 9 C, K) and a bias (1, 1, K), see :func:`.networks.convolve`."""
    kernel = weight[0].unflatten(0, (KERNEL, KERNEL, -1)).permute(3, 2, 0, 1)
    features, channels = kernel.shape[:2]
    module = nn.Conv2d(channels, features, KERNEL, stride, margin, bias=bias is not None, device=weight.device)
    return with_parameters(module, kernel, bias)


def with_parameters(module, weight: Tensor, bias: Tensor | None):
    """``module`` with these parameters."""
    with torch.no_grad():
        module.weight.copy_(weight)
        if bias is not None:
            module.bias.copy_(bias[0, 0])
    return module
