"""Networks to begin with: multilayer perceptrons, VGG-like, residual and transformer networks, written for the probe.

Each is a function whose keyword arguments an experiment's ``arguments`` give. Inputs are images (B, C, H, W).
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


def gaussian_weights(module: nn.Module, weight_variance: float, bias_variance: float) -> None:
    """Weights N(0, σ_w²/fan-in) and biases N(0, σ_b²) in all linear and convolutional layers."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, 0, math.sqrt(weight_variance / fan_in))
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0, math.sqrt(bias_variance))


def mlp(
    pixels: int = 784,
    width: int = 200,
    depth: int = 30,
    classes: int = 10,
    activation: Literal["tanh", "relu", "gelu", "silu"] = "tanh",
    weight_variance: float = 1.76,
    bias_variance: float = 0.05,
    batch_norm: bool = False,
) -> nn.Module:
    """A perceptron of ``depth`` hidden layers with weights N(0, σ_w²/fan-in) and biases N(0, σ_b²)."""
    layers: list[nn.Module] = [nn.Flatten()]
    before = pixels
    for _ in range(depth):
        layers.append(nn.Linear(before, width))
        if batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(ACTIVATIONS[activation]())
        before = width
    network = nn.Sequential(*layers, nn.Linear(before, classes))
    gaussian_weights(network, weight_variance, bias_variance)
    return network


def vgg(
    channels: int = 3,
    side: int = 32,
    width: int = 32,
    convolutions: list[int] | None = None,
    classes: int = 10,
    batch_norm: bool = True,
) -> nn.Module:
    """Stages of 3 × 3 convolutions, each with twice the channels and half the side of the one before."""
    layers: list[nn.Module] = []
    before = channels
    for stage, count in enumerate(convolutions or [2, 2, 3]):
        for _ in range(count):
            after = width * 2**stage
            layers.append(nn.Conv2d(before, after, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.ReLU(inplace=True))
            before = after
        layers.append(nn.MaxPool2d(2))
        side //= 2
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side**2, classes))
    gaussian_weights(network, 2.0, 0.0)
    return network


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity, or a strided 1 × 1 convolution (He et al. 2016)."""

    def __init__(self, before: int, after: int, stride: int, batch_norm: bool):
        super().__init__()
        norm = nn.BatchNorm2d if batch_norm else lambda channels: nn.Identity()
        self.branch = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=not batch_norm),
            norm(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, 1, 1, bias=not batch_norm),
            norm(after),
        )
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.skip = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=not batch_norm), norm(after))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.branch(x) + self.skip(x))


def resnet(
    channels: int = 3,
    width: int = 16,
    blocks: list[int] | None = None,
    classes: int = 10,
    batch_norm: bool = True,
) -> nn.Module:
    """A residual network for small images: stages of ``blocks`` residual blocks."""
    norm = nn.BatchNorm2d if batch_norm else lambda channels: nn.Identity()
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, 1, 1, bias=not batch_norm),
        norm(width),
        nn.ReLU(inplace=True),
    ]
    before = width
    for stage, count in enumerate(blocks or [3, 3, 3]):
        for block in range(count):
            after = width * 2**stage
            layers.append(ResidualBlock(before, after, 2 if stage and not block else 1, batch_norm))
            before = after
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
    gaussian_weights(network, 2.0, 0.0)
    return network


class Transformer(nn.Module):
    """A classifier of images by an encoder of patches, with learnt positions and the mean over tokens."""

    def __init__(
        self, channels: int, side: int, patch: int, width: int, depth: int, heads: int, norm: str, classes: int
    ):
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2, width))
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=norm == "pre"
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.layers(tokens)).mean(1))


def transformer(
    channels: int = 3,
    side: int = 32,
    patch: int = 4,
    width: int = 64,
    depth: int = 12,
    heads: int = 4,
    norm: Literal["pre", "post"] = "pre",
    classes: int = 10,
) -> nn.Module:
    """An encoder with layer normalisation before (``pre``) or behind (``post``) attention and feed-forward layers."""
    return Transformer(channels, side, patch, width, depth, heads, norm, classes)
