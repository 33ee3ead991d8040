"""Random tanh networks, many at once: every tensor has a leading ensemble axis E = (σ_w² × seed).

Layers are descriptions without parameters (:class:`Layer`). A layer called with the parameters of E networks and
activations of shape (E, images, ...) gives the next activations; a leading axis of 1 stands for images that all
networks share. Dense activations have shape (E, images, units), those of convolutions (E, images, height, width,
channels).

Weights are N(0, σ_w²/fan_in) and biases N(0, σ_b²). They are drawn layer by layer, so a deep ensemble need never
be held whole, and networks of one seed share their standard normals: the phases of a map over σ_w² are not hidden
by the noise of the draw.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ..products import baddbmm, bmm
from ..seeding import torch_stream
from .hyperbolic import tanh

# One (weight, bias) pair per affine map: (E, fan_in, fan_out) and (E, 1, fan_out), or None for no bias.
LayerParameters = Sequence[tuple[Tensor, Tensor | None]]

KERNEL = 3


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Rows (E or 1, R, fan_in) to rows (E, R, fan_out)."""
    x = x.expand(len(weight), -1, -1)
    return bmm(x, weight) if bias is None else baddbmm(bias, x, weight)


def patches(x: Tensor, size: int) -> Tensor:
    """All ``size`` × ``size`` windows: (E, M, H, W, C) to (E, M, h, w, size² C)."""
    windows = x.unfold(2, size, 1).unfold(3, size, 1).permute(0, 1, 2, 3, 5, 6, 4)
    return windows.reshape(*windows.shape[:4], -1)


def zero_pad(x: Tensor, margin: int) -> Tensor:
    """A frame of zeros around images of shape (E, M, H, W, C)."""
    return functional.pad(x, (0, 0, margin, margin, margin, margin))


def periodic_pad(x: Tensor) -> Tensor:
    """A frame of one pixel that continues images (E, M, H, W, C) periodically."""
    x = torch.cat([x[:, :, -1:], x, x[:, :, :1]], 2)
    return torch.cat([x[:, :, :, -1:], x, x[:, :, :, :1]], 3)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1) -> Tensor:
    """3 × 3 convolution without padding of (E or 1, M, H, W, C), one group of channels for each network.

    ``weight`` (E, 9 C, K) acts on the rows of :func:`patches`.
    """
    networks, _, features = weight.shape
    x = x.expand(networks, *x.shape[1:])
    kernel = weight.unflatten(1, (KERNEL, KERNEL, -1)).permute(0, 4, 3, 1, 2).flatten(0, 1)
    grouped = x.permute(1, 0, 4, 2, 3).flatten(1, 2)
    bias = None if bias is None else bias.flatten()
    result = functional.conv2d(grouped, kernel, bias, stride, groups=networks)
    return result.unflatten(1, (networks, features)).permute(1, 0, 3, 4, 2)


class Layer(Protocol):
    """What a network is made of: any class that offers this can be initialised, propagated and decoded.

    Attributes
    ----------
    in_shape, out_shape
        Shapes of one image's activations before and after: (units,) or (height, width, channels), height = width.
    affine_maps
        (fan_in, fan_out, whether it has a bias) of each affine map, for its random parameters.
    decoder_windows
        What a decoder of the layer must see: the sides of the windows of its affine maps, one after the other. 0
        stands for all units (dense layers), no map at all for a layer that cannot be decoded.
    stride
        1, or 2 where the outputs have half as many pixels a side: a decoder then predicts blocks of 2 × 2 pixels.
    """

    @property
    def in_shape(self) -> tuple[int, ...]: ...
    @property
    def out_shape(self) -> tuple[int, ...]: ...
    @property
    def affine_maps(self) -> tuple[tuple[int, int, bool], ...]: ...
    @property
    def decoder_windows(self) -> tuple[int, ...]: ...
    @property
    def stride(self) -> int: ...

    def __call__(self, parameters: LayerParameters, x: Tensor) -> Tensor:
        """Activations (E, images, ...) after the layer from those before it, (1 or E, images, ...)."""
        ...


@dataclass(frozen=True)
class Dense:
    """φ(x W + b) on (E, M, ``inputs``)."""

    inputs: int
    outputs: int
    activation: Callable[[Tensor], Tensor] = tanh
    bias: bool = True

    decoder_windows = (0,)
    stride = 1

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.inputs,)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.outputs,)

    @property
    def affine_maps(self) -> tuple[tuple[int, int, bool], ...]:
        return ((self.inputs, self.outputs, self.bias),)

    def __call__(self, parameters: LayerParameters, x: Tensor) -> Tensor:
        return self.activation(affine(x, *parameters[0]))


@dataclass(frozen=True)
class Convolution:
    """tanh of a 3 × 3 convolution on square images.

    Parameters
    ----------
    size, channels
        Height = width and number of channels of the input.
    features
        Number of channels of the output.
    padding
        ``zero``: a frame of zeros before the convolution, so that the output has ceil(size / stride) pixels a
        side; ``periodic``: the *output* is framed by its periodic continuation, so that the image of
        size - 2 pixels a side lives on a torus and every following layer sees it with its frame;
        ``none``: the image shrinks by 2.
    """

    size: int
    channels: int
    features: int
    stride: int = 1
    padding: str = "zero"

    decoder_windows = (KERNEL,)

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.size, self.size, self.channels)

    @property
    def out_shape(self) -> tuple[int, ...]:
        size = {"zero": math.ceil(self.size / self.stride), "periodic": self.size, "none": self.size - 2}[self.padding]
        return (size, size, self.features)

    @property
    def affine_maps(self) -> tuple[tuple[int, int, bool], ...]:
        return ((KERNEL**2 * self.channels, self.features, True),)

    def __call__(self, parameters: LayerParameters, x: Tensor) -> Tensor:
        x = zero_pad(x, 1) if self.padding == "zero" else x
        x = tanh(convolve(x, *parameters[0], stride=self.stride))
        return periodic_pad(x) if self.padding == "periodic" else x


@dataclass(frozen=True)
class ResidualBlock:
    """tanh(F(x) + x), where F is convolution, tanh, convolution, each continued periodically."""

    size: int
    channels: int

    decoder_windows = (KERNEL, KERNEL)
    stride = 1

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.size, self.size, self.channels)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.in_shape

    @property
    def affine_maps(self) -> tuple[tuple[int, int, bool], ...]:
        return ((KERNEL**2 * self.channels, self.channels, True),) * 2

    def __call__(self, parameters: LayerParameters, x: Tensor) -> Tensor:
        hidden = periodic_pad(tanh(convolve(x, *parameters[0])))
        return tanh(periodic_pad(convolve(hidden, *parameters[1])) + x)


@dataclass(frozen=True)
class PooledReadout:
    """φ of a linear map, without bias, of the channels' means over all pixels, from which no pixel can be decoded."""

    size: int
    channels: int
    classes: int
    activation: Callable[[Tensor], Tensor] = tanh

    decoder_windows = ()
    stride = 1

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.size, self.size, self.channels)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.classes,)

    @property
    def affine_maps(self) -> tuple[tuple[int, int, bool], ...]:
        return ((self.channels, self.classes, False),)

    def __call__(self, parameters: LayerParameters, x: Tensor) -> Tensor:
        return self.activation(affine(x.mean((2, 3)), *parameters[0]))


def linear(x: Tensor) -> Tensor:
    """The identity, as the activation of a readout of logits."""
    return x


def wide_body(inputs: int, depth: int) -> list[Dense]:
    """``depth`` square dense layers of ``inputs`` units."""
    return [Dense(inputs, inputs) for _ in range(depth)]


def wide_mlp(inputs: int, depth: int, hidden: int = 400, classes: int = 10, readout=tanh) -> list[Dense]:
    """The wide classifier: ``depth`` - 2 square layers, one of ``hidden`` and one of ``classes`` units."""
    check_depth(depth, at_least=3)
    return [*wide_body(inputs, depth - 2), Dense(inputs, hidden), Dense(hidden, classes, readout)]


def wide_classifier(inputs: int, depth: int, classes: int = 10) -> list[Dense]:
    """``depth`` square tanh layers and a linear readout of logits."""
    return [*wide_body(inputs, depth), Dense(inputs, classes, linear)]


def shrinking_mlp(inputs: int, depth: int, classes: int = 10, readout=tanh) -> list[Dense]:
    """The shrinking classifier: ``depth`` sizes ceil(linspace(inputs, classes, depth)), hence ``depth`` - 1 layers."""
    check_depth(depth, at_least=2)
    # Integer arithmetic: a floating linspace can land just above a whole number and round it up.
    sizes = [inputs - step * (inputs - classes) // (depth - 1) for step in range(depth)]
    return [
        Dense(fan_in, fan_out, readout if position == depth - 2 else tanh)
        for position, (fan_in, fan_out) in enumerate(pairwise(sizes))
    ]


def convolutional_stem(size: int, channels: int) -> list[Layer]:
    """Three convolutions that bring a grey image of ``size``² pixels to ceil(ceil(size/2)/2)² pixels."""
    layers: list[Layer] = [Convolution(size, 1, channels)]
    for _ in range(2):
        layers.append(Convolution(layers[-1].out_shape[0], channels, channels, stride=2))
    return layers


def cnn_body(size: int, depth: int, channels: int) -> list[Layer]:
    """The stem and ``depth`` - 1 periodic convolutions."""
    stem = convolutional_stem(size, channels)
    side = stem[-1].out_shape[0]
    return stem + [Convolution(side, channels, channels, padding="periodic") for _ in range(depth - 1)]


def resnet_body(size: int, depth: int, channels: int) -> list[Layer]:
    """The stem and ``depth`` - 1 residual blocks."""
    stem = convolutional_stem(size, channels)
    return stem + [ResidualBlock(stem[-1].out_shape[0], channels) for _ in range(depth - 1)]


def pooled_head(body: Sequence[Layer], classes: int = 10, readout=tanh) -> list[Layer]:
    """The two layers that make a classifier of a convolutional body."""
    side, _, channels = body[-1].out_shape
    last = Convolution(side, channels, channels, padding="none")
    return [last, PooledReadout(side - 2, channels, classes, readout)]


def check_depth(depth: int, at_least: int) -> None:
    if depth < at_least:
        raise ValueError(f"depth is {depth}, but this network needs at least {at_least}")


def forward(layers: Sequence[Layer], parameters: Sequence[LayerParameters], x: Tensor) -> Tensor:
    """Outputs (E, images, ...) of E networks for images (1 or E, images, ...)."""
    for layer, own in zip(layers, parameters, strict=True):
        x = layer(own, x)
    return x


def initial_network(
    layers: Sequence[Layer],
    weight_variances: Sequence[float],
    bias_variance: float,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> list[list[tuple[Tensor, Tensor | None]]]:
    """:func:`initial_parameters` of every layer of E networks."""
    return [
        initial_parameters(layer, position, weight_variances, bias_variance, seeds, device)
        for position, layer in enumerate(layers)
    ]


def initial_parameters(
    layer: Layer,
    position: int,
    weight_variances: Sequence[float],
    bias_variance: float,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> list[tuple[Tensor, Tensor | None]]:
    """Parameters of ``layer`` for E networks.

    Parameters
    ----------
    layer, position
        The layer and its place in the network, which fixes its random stream.
    weight_variances, seeds
        σ_w² and the seed of each of the E networks.
    bias_variance
        σ_b².
    """
    scales = torch.as_tensor(weight_variances, dtype=torch.float32, device=device).sqrt()[:, None, None]
    parameters = []
    for part, (fan_in, fan_out, has_bias) in enumerate(layer.affine_maps):
        normals = seeded_draws(torch.randn, seeds, (fan_in, fan_out), device, "weights", position, part)
        weight, bias = normals * (scales / math.sqrt(fan_in)), None
        if has_bias:
            normals = seeded_draws(torch.randn, seeds, (1, fan_out), device, "biases", position, part)
            bias = normals * math.sqrt(bias_variance)
        parameters.append((weight, bias))
    return parameters


def seeded_draws(
    draw: Callable[..., Tensor], seeds: Sequence[int], shape: tuple[int, ...], device, *stream: str | int
) -> Tensor:
    """Random numbers (len(seeds), *shape), equal for equal seeds and drawn on the CPU whatever the device.

    ``draw`` is ``torch.randn`` or ``torch.rand``; ``stream`` names the random stream of each seed.
    """
    distinct = sorted(set(seeds))
    draws = torch.stack([draw(shape, generator=torch_stream(seed, *stream)) for seed in distinct])
    return draws.to(device)[[distinct.index(seed) for seed in seeds]]
