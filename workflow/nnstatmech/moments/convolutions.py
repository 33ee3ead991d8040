"""Convolutions of signal and noise, one realisation after the other or many together.

One realisation at a time is what suits a CPU, and networks that fill a GPU by themselves: its images are cut into
blocks, and the library's convolution takes a block of signal and noise. Smaller networks fill a GPU together: the
patches of all realisations are laid out, and one product of matrices a realisation, all in one call, convolves them.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..devices import tensor_float_32
from .activations import activate
from .networks import Block, WeightSource, hidden_std, lecun_std
from .params import Propagation
from .winograd import Winograd, largest_divisor, serves

# Largest size of a block of pre-activations on the CPU: the allocator hands larger ones out page by page, anew in
# each layer, and smaller ones leave the caches too late to matter.
BLOCK_BYTES = {"cpu": 16 * 2**20, "cuda": 2**30}


def boundary_widths(boundary: str, kernel_size: int, stride: int, side: int) -> tuple[int, int]:
    """Rows added before and after an image of ``side`` rows.

    Periodic: all in front. Symmetric: half on each side. Zero padding: as few as give ceil(side / stride) outputs,
    the odd one behind (TensorFlow's ``SAME``).
    """
    if boundary == "periodic":
        return kernel_size - 1, 0
    if boundary == "symmetric":
        return kernel_size // 2, kernel_size // 2
    total = max((math.ceil(side / stride) - 1) * stride + kernel_size - side, 0)
    return total // 2, total - total // 2


def boundary_sources(boundary: str, before: int, after: int, side: int) -> list[int | None]:
    """For each row of the padded image the row of the image that it repeats, None for zeros."""
    rows = range(-before, side + after)
    if boundary == "periodic":
        return [row % side for row in rows]
    if boundary == "symmetric":  # mirrored with the edge
        return [min(row % (2 * side), -(row + 1) % (2 * side)) for row in rows]
    return [row if 0 <= row < side else None for row in rows]


def pad(images: Tensor, boundary: str, kernel_size: int, stride: int) -> Tensor:
    """Padded copy of images of shape (images, height, width, channels)."""
    for axis in (1, 2):
        side = images.shape[axis]
        before, after = boundary_widths(boundary, kernel_size, stride, side)
        sources = boundary_sources(boundary, before, after, side)
        index = torch.tensor([0 if source is None else source for source in sources], device=images.device)
        present = torch.tensor([source is not None for source in sources], device=images.device)
        shape = [-1 if i == axis else 1 for i in range(4)]
        images = images.index_select(axis, index) * present.view(shape)
    return images


def convolve(images: Tensor, kernels: Tensor, stride: int = 1) -> Tensor:
    """Cross-correlation without padding: (images, height, width, inputs) to (images, height', width', outputs).

    ``kernels`` has shape (outputs, kernel height, kernel width, inputs): both are channels-last for torch, without
    any copy.
    """
    return F.conv2d(images.permute(0, 3, 1, 2), kernels.permute(0, 3, 1, 2), stride=stride).permute(0, 2, 3, 1)


def patches(images: Tensor, kernel_size: int) -> Tensor:
    """All windows of padded images (realisations, images, height, width, channels), as rows.

    Shape (realisations, rows, kernel height * kernel width * channels): in the order of :func:`convolve`'s kernels.
    """
    realisations, count, height, width, channels = images.shape
    lines = images.reshape(realisations * count, height, width * channels).unfold(2, kernel_size * channels, channels)
    windows = lines.unfold(1, kernel_size, 1).transpose(-1, -2)
    return windows.reshape(realisations, -1, kernel_size**2 * channels)


def convolve_together(images: Tensor, kernels: Tensor) -> Tensor:
    """:func:`convolve` of several realisations with kernels of their own, by one product of matrices each.

    ``images`` has shape (realisations, images, height, width, inputs), ``kernels`` (realisations, outputs, kernel
    height, kernel width, inputs).
    """
    k = kernels.shape[2]
    outputs = patches(images, k) @ kernels.flatten(2).mT
    return outputs.unflatten(1, (images.shape[1], images.shape[2] - k + 1, images.shape[3] - k + 1))


def images_per_block(images: int, bytes_per_image: int, device: torch.device) -> int:
    """The largest divisor of ``images`` that keeps a block within the size that suits the device."""
    most = max(1, BLOCK_BYTES[device.type] // bytes_per_image)
    return largest_divisor(images, most)


class Convolution:
    """Convolutions on a persistent padded buffer.

    Activations are written into the interior of the buffer and the halo is copied from there; then one convolution
    a block takes signal and noise together.

    Parameters
    ----------
    params
        Width, kernel size, boundary, variances, and what the noise is rounded to.
    signal, noise
        Inputs, each of shape (realisations, images, height, width, channels): the first layer (stride two, no
        activation) is applied to them, and its output is what :meth:`first` gives.
    weights
        Source of the kernels.
    biases
        Source of the biases; None for none.
    """

    def __init__(
        self,
        params: Propagation,
        signal: Tensor,
        noise: Tensor,
        weights: WeightSource,
        biases: WeightSource | None = None,
    ):
        self.params, self.weights, self.biases = params, weights, biases
        device, k, width = signal.device, params.kernel_size, params.width
        self.inputs = signal, noise
        side = [math.ceil(length / 2) for length in signal.shape[2:4]]
        realisations, images = signal.shape[:2]
        # Several realisations fill a device together, and their blocks are not cut.
        size = images_per_block(images, 2 * side[0] * side[1] * width * 4, device) if realisations == 1 else images
        self.edges = [boundary_widths(params.boundary, k, 1, length) for length in side]
        self.sources = [
            boundary_sources(params.boundary, *edge, length) for edge, length in zip(self.edges, side, strict=True)
        ]
        padded = [sum(edge) + length for edge, length in zip(self.edges, side, strict=True)]
        self.buffer = torch.zeros(images // size, realisations, 2 * size, *padded, width, device=device)
        rows, columns = (slice(edge[0], edge[0] + length) for edge, length in zip(self.edges, side, strict=True))
        self.interior = self.buffer[:, :, :, rows, columns]
        self.images_of_block = size
        self.kernels = torch.empty(realisations, width, k, k, width, device=device)
        serve = realisations == 1 and serves(k, side[0], side[1], width, device)
        self.winograd = Winograd(2 * size, side[0], side[1], width, width) if serve else None
        self.bias = torch.empty(realisations, 1, width, device=device)
        self.indefinite = torch.zeros(realisations, dtype=torch.bool, device=device)  # no Gram matrix here

    def split(self, stacked: Tensor) -> Block:
        """Signal and noise of a stack (realisations, 2 images, height, width, channels), as rows."""
        rows = stacked.reshape(len(stacked), 2, -1, stacked.shape[-1])
        return Block(rows[:, 0], rows[:, 1])

    def first(self) -> list[Block]:
        """Output x^0 of the first layer: one stride-two convolution with variance 1 / fan-in."""
        k = self.params.kernel_size
        realisations, channels = len(self.kernels), self.inputs[0].shape[-1]
        kernels = torch.empty(realisations, self.params.width, k, k, channels, device=self.buffer.device)
        self.weights.fill(kernels, lecun_std(k * k * channels))
        signal, noise = (
            torch.stack(
                [
                    convolve(pad(one, self.params.boundary, k, 2), kernel, stride=2)
                    for one, kernel in zip(tensor, kernels, strict=True)
                ]
            ).split(self.images_of_block, 1)
            for tensor in self.inputs
        )
        return [self.split(torch.cat(pair, 1)) for pair in zip(signal, noise, strict=True)]

    def load(self, index: int, block: Block) -> None:
        """Take a block as the next input."""
        for destination, source in zip(self.destination(index), block, strict=True):
            destination.copy_(source.view(destination.shape))
        self.fill_halo(index)

    def load_activated(self, index: int, block: Block) -> None:
        """Take phi of a block as the next input."""
        destination = self.destination(index)
        signal, noise = (source.view(destination[0].shape) for source in block)
        activate(self.params.activation, signal, noise, destination)
        self.fill_halo(index)

    def destination(self, index: int) -> tuple[Tensor, Tensor]:
        size = self.images_of_block
        return self.interior[index, :, :size], self.interior[index, :, size:]

    def fill_halo(self, index: int) -> None:
        """Repeat rows, then columns, of the interior in the halo; zero padding has nothing to repeat."""
        if self.params.boundary == "zero_padding":
            return
        images = self.buffer[index]
        for axis, (before, _), sources in zip((2, 3), self.edges, self.sources, strict=True):
            length = self.interior.shape[axis + 1]
            for row, source in enumerate(sources):
                if source is not None and not before <= row < before + length:
                    images.select(axis, row).copy_(images.select(axis, before + source))

    def outputs(self) -> Iterator[Block]:
        """Pre-activations of what was loaded, block by block, with fresh weights."""
        params = self.params
        self.weights.fill(self.kernels, hidden_std(params.weight_variance, params.kernel_size**2 * params.width))
        if self.biases is not None:
            self.biases.fill(self.bias, math.sqrt(params.bias_variance))
        if self.winograd:
            self.winograd.load(self.kernels[0])
        for stacked in self.buffer:
            if params.noise_precision == "float32":
                block = self.split(self.convolve(stacked, self.kernels))
            else:
                signal, noise = stacked.split(self.images_of_block, 1)
                rounded = self.convolve(noise.bfloat16(), self.kernels.bfloat16()).float()
                block = Block(*(part.flatten(1, 3) for part in (self.convolve(signal, self.kernels), rounded)))
            if self.biases is not None:
                block.signal.add_(self.bias)
            yield block

    def convolve(self, images: Tensor, kernels: Tensor) -> Tensor:
        if self.winograd:
            return self.winograd.convolve(images[0])[None]
        if len(images) == 1:
            return convolve(images[0], kernels[0])[None]
        with tensor_float_32(self.params.tf32):
            return convolve_together(images, kernels)

    def stored(self) -> list[Block]:
        """What is loaded, halo included, as blocks that may be rescaled in place."""
        return [self.split(stacked) for stacked in self.buffer]
