"""The planes of the atlas: kinds of classifiers, over one parameter of their initialisation and their depth.

The parameter changes numbers only, never the architecture, so that the networks of a plane and depth are trained side
by side. Normalisations use the statistics of the batch. Inputs are grey images (B, 1, side, side) in units of the
training images' standard deviation; the readout has weights N(0, 1/fan-in).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

BIAS_VARIANCE = 0.05  # σ_b² of tanh networks, as in the work on cascades


class Shape(NamedTuple):
    """What all networks of a run share."""

    width: int
    side: int
    classes: int


def gaussian(layer: nn.Module, weight_variance: float, bias_variance: float = 0.0) -> nn.Module:
    """``layer`` with weights N(0, σ_w²/fan-in) and biases N(0, σ_b²)."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    nn.init.normal_(weight, 0, math.sqrt(weight_variance / weight[0].numel()))
    if isinstance(bias, Tensor):
        nn.init.normal_(bias, 0, math.sqrt(bias_variance))
    return layer


def head(features: int, classes: int) -> nn.Module:
    return gaussian(nn.Linear(features, classes), 1.0)


def with_gain(norm: nn.Module, gain: float) -> nn.Module:
    """A normalisation whose gains γ are all ``gain``."""
    assert isinstance(norm.weight, Tensor)
    nn.init.constant_(norm.weight, gain)
    return norm


def stack(depth: int, shape: Shape, layer: Callable[[int], list[nn.Module]]) -> nn.Module:
    """Images as vectors, ``depth`` hidden layers, a readout; ``layer`` makes one from its number of inputs."""
    parts: list[nn.Module] = [nn.Flatten()]
    inputs = shape.side**2
    for _ in range(depth):
        parts += layer(inputs)
        inputs = shape.width
    return nn.Sequential(*parts, head(inputs, shape.classes))


def dense_tanh(value: float, depth: int, shape: Shape) -> nn.Module:
    """Plain tanh layers, σ_w² = ``value``, σ_b² = 0.05."""
    return stack(
        depth, shape, lambda inputs: [gaussian(nn.Linear(inputs, shape.width), value, BIAS_VARIANCE), nn.Tanh()]
    )


def dense_relu(value: float, depth: int, shape: Shape) -> nn.Module:
    """Plain ReLU layers, σ_w² = ``value``, without biases at first."""
    return stack(depth, shape, lambda inputs: [gaussian(nn.Linear(inputs, shape.width), value), nn.ReLU()])


def normalised(norm: Callable[[int], nn.Module]) -> Callable[[float, int, Shape], nn.Module]:
    """Layers of He's weights, a normalisation of gain ``value`` and ReLU."""

    def build(value: float, depth: int, shape: Shape) -> nn.Module:
        return stack(
            depth,
            shape,
            lambda inputs: [
                gaussian(nn.Linear(inputs, shape.width), 2.0),
                with_gain(norm(shape.width), value),
                nn.ReLU(),
            ],
        )

    return build


class Residual(nn.Module):
    """x + W₂ relu(W₁ x) with He's W₁ and W₂ of standard deviation ``scale`` √(1/width)."""

    def __init__(self, width: int, scale: float):
        super().__init__()
        self.branch = nn.Sequential(
            gaussian(nn.Linear(width, width), 2.0), nn.ReLU(), gaussian(nn.Linear(width, width), scale**2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def residual(value: float, depth: int, shape: Shape) -> nn.Module:
    """Residual blocks without normalisation; ``value`` is the scale of the branches."""
    stem = gaussian(nn.Linear(shape.side**2, shape.width), 1.0)
    blocks = [Residual(shape.width, value) for _ in range(depth)]
    return nn.Sequential(nn.Flatten(), stem, *blocks, head(shape.width, shape.classes))


def convolutional(value: float, depth: int, shape: Shape) -> nn.Module:
    """Plain 3 × 3 convolutions and ReLU, σ_w² = ``value``, the first with stride 2; the mean over positions is read."""
    channels = max(shape.width // 4, 1)
    layers: list[nn.Module] = []
    for layer in range(depth):
        convolution = nn.Conv2d(channels if layer else 1, channels, 3, 1 if layer else 2, 1)
        layers += [gaussian(convolution, value), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head(channels, shape.classes))


class Attention(nn.Module):
    """Attention of two heads, written out so that it can be differentiated and batched in every way."""

    def __init__(self, width: int, scale: float):
        super().__init__()
        self.project = gaussian(nn.Linear(width, 3 * width), 1.0)
        self.out = gaussian(nn.Linear(width, width), scale**2)

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self.project(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        mixing = torch.softmax(queries @ keys.mT / math.sqrt(queries.shape[-1]), -1)
        return self.out((mixing @ values).transpose(1, 2).flatten(2))


class EncoderBlock(nn.Module):
    """Attention, then two GELU layers, each with a skip and a layer normalisation behind the sum (post-LN)."""

    def __init__(self, width: int, scale: float):
        super().__init__()
        self.attention = Attention(width, scale)
        self.feed_forward = nn.Sequential(
            gaussian(nn.Linear(width, 2 * width), 2.0), nn.GELU(), gaussian(nn.Linear(2 * width, width), scale**2)
        )
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x + self.attention(x))
        return self.second(x + self.feed_forward(x))


class Patches(nn.Module):
    """Patches of half the side as tokens (B, T, width), with learnt positions."""

    def __init__(self, side: int, width: int):
        super().__init__()
        patch = max(side // 4, 1)
        self.project = gaussian(nn.Conv2d(1, width, patch, patch), 1.0)
        self.positions = nn.Parameter(0.5 * torch.randn((side // patch) ** 2, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x).flatten(2).transpose(1, 2) + self.positions


class Mean(nn.Module):
    """Mean over tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def transformer(value: float, depth: int, shape: Shape) -> nn.Module:
    """Post-LN encoder blocks on patches; ``value`` is the scale of the branches."""
    width = 2 * max(shape.width // 4, 1)
    blocks = [EncoderBlock(width, value) for _ in range(depth)]
    return nn.Sequential(Patches(shape.side, width), *blocks, Mean(), head(width, shape.classes))


PLANES: dict[str, Callable[[float, int, Shape], nn.Module]] = {
    "dense_tanh": dense_tanh,
    "dense_relu": dense_relu,
    "dense_batch_norm": normalised(lambda width: nn.BatchNorm1d(width, track_running_stats=False)),
    "dense_layer_norm": normalised(nn.LayerNorm),
    "residual": residual,
    "convolutional": convolutional,
    "transformer": transformer,
}
