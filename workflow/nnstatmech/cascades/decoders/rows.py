"""What a decoder sees and what it predicts, as rows of a regression."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..networks import Layer, LayerParameters, patches, zero_pad

# Floats that the patches of one step may fill: what stays in a processor's caches, what fills a GPU.
SCRATCH = {"cpu": 2**20}
SCRATCH_OF_A_GPU = 2**28


def require_decodable(layer: Layer) -> None:
    """Refuse a layer that says of itself that it cannot be decoded."""
    if not layer.decoder_windows:
        raise ValueError(
            f"{type(layer).__name__} cannot be decoded, it names no windows for a decoder: start the cascade before it"
        )


def receptive_window(layer: Layer) -> int:
    """Side of the window of the layer's output on which all its decoder's maps together rest; 0 for all units."""
    return 1 + sum(side - 1 for side in layer.decoder_windows)


def feature_rows(layer: Layer, outputs: Tensor, size: int) -> Tensor:
    """What the decoder of ``layer`` sees: activations after it as rows (E, R, features).

    Images are seen through ``size`` × ``size`` windows with zeros around them, one window for each pixel (for
    each block of 2 × 2 pixels if the layer has stride 2) of the layer's input; ``size`` = 0 stands for all units.
    """
    if size == 0:
        return outputs
    missing = layer.in_shape[0] - outputs.shape[2] if layer.stride == 1 else 0
    return patches(zero_pad(outputs, (size - 1 + missing) // 2), size).flatten(1, 3)


def target_rows(layer: Layer, inputs: Tensor) -> Tensor:
    """What the decoder of ``layer`` predicts: activations before it as rows (E, R, targets)."""
    if inputs.dim() == 3:
        return inputs
    if layer.stride == 2:
        # An odd side is filled up by repeating its last row and column; assemble() drops them.
        odd = inputs.shape[2] % 2
        inputs = torch.cat([inputs, inputs[:, :, -1:]], 2) if odd else inputs
        inputs = torch.cat([inputs, inputs[:, :, :, -1:]], 3) if odd else inputs
        inputs = inputs.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).transpose(3, 4).flatten(4)
    return inputs.flatten(1, 3)


def assemble(layer: Layer, rows: Tensor) -> Tensor:
    """The inverse of :func:`target_rows`: rows to activations before ``layer``."""
    if len(layer.in_shape) == 1:
        return rows
    side, _, channels = layer.in_shape
    if layer.stride == 1:
        return rows.unflatten(1, (-1, side, side))
    blocks = math.ceil(side / 2)
    x = rows.unflatten(2, (2, 2, channels)).unflatten(1, (-1, blocks, blocks))
    return x.transpose(3, 4).flatten(4, 5).flatten(2, 3)[:, :, :side, :side]


def images_at_once(layer: Layer, activations: Tensor) -> int:
    """How many images' patches fit into the scratch memory."""
    window = receptive_window(layer)
    if window == 0:
        return activations.shape[1]
    pixels = max(shape[0] ** 2 for shape in (layer.in_shape, layer.out_shape) if len(shape) == 3)
    channels = max(layer.in_shape[-1], layer.out_shape[-1])
    scratch = SCRATCH.get(activations.device.type, SCRATCH_OF_A_GPU)
    return max(1, scratch // (len(activations) * pixels * channels * window**2))


def in_chunks(function: Callable[[Tensor], Tensor], layer: Layer, x: Tensor) -> Tensor:
    """``function(x)``, as many images (axis 1) at a time as memory allows ``layer``."""
    chunks = x.split(images_at_once(layer, x), 1)
    # Not copied where there is only one.
    return function(x) if len(chunks) == 1 else torch.cat([function(chunk) for chunk in chunks], 1)


def propagate(layer: Layer, parameters: LayerParameters, x: Tensor) -> Tensor:
    """``layer(parameters, x)``, a bounded number of images at a time."""
    x = x.expand(len(parameters[0][0]), *x.shape[1:])
    return in_chunks(lambda images: layer(parameters, images), layer, x)
