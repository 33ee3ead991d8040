"""The maps that random networks are made of, acting on signal and noise together.

Both are stacked along the images: one convolution, or one product of matrices, propagates them. Activations are
kept in blocks of images, as a :class:`Block` of rows (one row a position). Fresh weights are drawn at every use of a
map, with the variance 2 / fan-in of He et al. (2015).

See also
--------
nnstatmech.moments.propagation : the architectures.
"""

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..seeding import torch_stream
from .params import Propagation
from .statistics import column_means, number_of_rows, pieces

# Largest size of a block of pre-activations on the CPU: the allocator hands larger ones out page by page, anew in
# each layer, and smaller ones leave the caches too late to matter.
BLOCK_BYTES = {"cpu": 16 * 2**20, "cuda": 2**30}
# oneDNN takes 1x1 convolutions of 16 images or more and multiplies twice as fast as MKL on CPUs that are not Intel's.
FEWEST_IMAGES_FOR_ONEDNN = 16


class Block(NamedTuple):
    """Signal and noise of some images: two tensors of shape (realisations, rows, channels)."""

    signal: Tensor
    noise: Tensor


class WeightSource(Protocol):
    """Where weights come from: fills ``out`` of shape (realisations, outputs, height, width, inputs)."""

    def fill(self, out: Tensor, std: float) -> None: ...


class GaussianWeights:
    """Independent Gaussian weights, from one stream a realisation, so that shards do not matter.

    Parameters
    ----------
    seeds
        One realisation each.
    device
        Where weights are drawn. A CPU and a GPU draw different weights from one seed, and so may two models of GPU:
        drawing on the CPU for a GPU would take several times as long as the propagation (6 ms a layer of 512 channels,
        against 1). What is compared realisation by realisation has to come from one kind of device, and
        :func:`nnstatmech.moments.curves.paired_log_changes` sees to it.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device):
        self.streams = [torch_stream(seed, "weights", device=str(device)) for seed in seeds]

    def fill(self, out: Tensor, std: float) -> None:
        for realisation, stream in zip(out, self.streams, strict=True):
            realisation.normal_(0, std, generator=stream)


def he_std(fan_in: int) -> float:
    """Standard deviation of hidden weights that keeps the second moment through a ReLU."""
    return math.sqrt(2 / fan_in)


def lecun_std(fan_in: int) -> float:
    """Standard deviation of weights that keeps the second moment where no ReLU precedes."""
    return math.sqrt(1 / fan_in)


def rectify(block: Block, signal: Tensor, noise: Tensor) -> None:
    """ReLU linearised at the signal: max(x, 0) and dx 1[x > 0], written to ``signal`` and ``noise``.

    They may be the block's own tensors.
    """
    torch.ops.aten.threshold_backward.grad_input(block.noise, block.signal, 0, grad_input=noise)
    torch.clamp_min(block.signal, 0, out=signal)


def batch_normalise(blocks: Sequence[Block], epsilon: float) -> None:
    """Batch normalisation in place, without trainable parameters.

    Mean and (population) variance are those of the signal, for each channel over all rows; the noise is divided by
    the same standard deviation, neither centred nor propagated through mean and variance.
    """
    signals = [block.signal for block in blocks]
    means = column_means(signals)
    squares = reduce(torch.add, (piece.sub_(means).square().sum(1, keepdim=True) for piece in pieces(signals)))
    variances = squares / number_of_rows(signals)
    scale = torch.rsqrt(variances + epsilon)
    for block in blocks:
        block.signal.mul_(scale)
        block.noise.mul_(scale)


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


def images_per_block(images: int, bytes_per_image: int, device: torch.device) -> int:
    """The largest divisor of ``images`` that keeps a block within the size that suits the device."""
    most = max(1, BLOCK_BYTES[device.type] // bytes_per_image)
    return next(size for size in range(min(images, most), 0, -1) if images % size == 0)


class Convolution:
    """Convolutions of one realisation on a persistent padded buffer.

    Activations are written into the interior of the buffer and the halo is copied from there; then one convolution
    a block takes signal and noise together.

    Parameters
    ----------
    params
        Width, kernel size and boundary.
    signal, noise
        Inputs, each of shape (1, images, height, width, channels): the first layer (stride two, no rectification)
        is applied to them, and its output is what :meth:`first` gives.
    weights
        Source of the kernels.
    """

    def __init__(self, params: Propagation, signal: Tensor, noise: Tensor, weights: WeightSource):
        self.params, self.weights = params, weights
        device, k, width = signal.device, params.kernel_size, params.width
        self.inputs = signal[0], noise[0]
        side = [math.ceil(length / 2) for length in signal.shape[2:4]]
        images = signal.shape[1]
        size = images_per_block(images, 2 * side[0] * side[1] * width * 4, device)
        self.edges = [boundary_widths(params.boundary, k, 1, length) for length in side]
        self.sources = [
            boundary_sources(params.boundary, *edge, length) for edge, length in zip(self.edges, side, strict=True)
        ]
        padded = [sum(edge) + length for edge, length in zip(self.edges, side, strict=True)]
        self.buffer = torch.zeros(images // size, 2 * size, *padded, width, device=device)
        self.interior = self.buffer[
            :, :, self.edges[0][0] : self.edges[0][0] + side[0], self.edges[1][0] : self.edges[1][0] + side[1]
        ]
        self.images_of_block = size
        self.kernels = torch.empty(1, width, k, k, width, device=device)
        self.indefinite = torch.zeros(1, dtype=torch.bool, device=device)  # no Gram matrix here

    def split(self, stacked: Tensor) -> Block:
        """Signal and noise of a stack (2 images, height, width, channels), as rows."""
        rows = stacked.reshape(2, 1, -1, stacked.shape[-1])
        return Block(rows[0], rows[1])

    def first(self) -> list[Block]:
        """Output x^0 of the first layer: one stride-two convolution with variance 1 / fan-in."""
        k = self.params.kernel_size
        channels = self.inputs[0].shape[-1]
        kernels = torch.empty(1, self.params.width, k, k, channels, device=self.buffer.device)
        self.weights.fill(kernels, lecun_std(k * k * channels))
        signal, noise = (
            convolve(pad(tensor, self.params.boundary, k, 2), kernels[0], stride=2).split(self.images_of_block)
            for tensor in self.inputs
        )
        return [self.split(torch.cat(pair)) for pair in zip(signal, noise, strict=True)]

    def load(self, index: int, block: Block) -> None:
        """Take a block as the next input."""
        signal, noise = self.destination(index)
        signal.copy_(block.signal.view(signal.shape))
        noise.copy_(block.noise.view(noise.shape))
        self.fill_halo(index)

    def load_rectified(self, index: int, block: Block) -> None:
        """Take a rectified block as the next input."""
        signal, noise = self.destination(index)
        rectify(Block(block.signal.view(signal.shape), block.noise.view(noise.shape)), signal, noise)
        self.fill_halo(index)

    def destination(self, index: int) -> tuple[Tensor, Tensor]:
        size = self.images_of_block
        return self.interior[index, :size], self.interior[index, size:]

    def fill_halo(self, index: int) -> None:
        """Repeat rows, then columns, of the interior in the halo; zero padding has nothing to repeat."""
        if self.params.boundary == "zero_padding":
            return
        images = self.buffer[index]
        for axis, (before, _), sources in zip((1, 2), self.edges, self.sources, strict=True):
            length = self.interior.shape[axis + 1]
            for row, source in enumerate(sources):
                if source is not None and not before <= row < before + length:
                    images.select(axis, row).copy_(images.select(axis, before + source))

    def outputs(self) -> Iterator[Block]:
        """Pre-activations of what was loaded, block by block, with fresh weights."""
        k = self.params.kernel_size
        self.weights.fill(self.kernels, he_std(k * k * self.params.width))
        for stacked in self.buffer:
            yield self.split(convolve(stacked, self.kernels[0]))

    def stored(self) -> list[Block]:
        """What is loaded, halo included, as blocks that may be rescaled in place."""
        return [self.split(stacked) for stacked in self.buffer]


class FullyConnected:
    """Fully connected layers of several realisations at once.

    Parameters
    ----------
    params
        Width, and how pre-activations are drawn (``weights``).
    signal, noise
        Inputs, each of shape (realisations, images, 1, 1, features).
    weights
        Source of the weights, or of the Gaussian variates that replace them.

    Attributes
    ----------
    indefinite
        Realisations with a Gram matrix that had no Cholesky factor: all that follows of them is NaN.
    """

    def __init__(self, params: Propagation, signal: Tensor, noise: Tensor, weights: WeightSource):
        self.params, self.weights = params, weights
        self.inputs = torch.cat([signal, noise], 1)[:, :, 0, 0]
        realisations, rows, _ = self.inputs.shape
        width = params.width
        self.state = torch.empty(realisations, rows, width, device=signal.device)
        self.gram = params.weights == "gram" or (params.weights == "auto" and rows < width)
        self.rows_stay_apart = params.architecture != "vanilla" and 4 * rows <= width
        self.variates = torch.empty(realisations, rows if self.gram else width, 1, 1, width, device=signal.device)
        self.indefinite = torch.zeros(realisations, dtype=torch.bool, device=signal.device)

    def split(self, stacked: Tensor) -> Block:
        images = stacked.shape[1] // 2
        return Block(stacked[:, :images], stacked[:, images:])

    def first(self) -> list[Block]:
        """Output x^0 of the first layer, with weights of variance 1 / fan-in."""
        realisations, _, features = self.inputs.shape
        weights = torch.empty(realisations, self.params.width, 1, 1, features, device=self.state.device)
        self.weights.fill(weights, lecun_std(features))
        return [self.split(multiply(self.inputs, weights[:, :, 0, 0]))]

    def load(self, index: int, block: Block) -> None:
        """Take a block as the next input."""
        for destination, source in zip(self.split(self.state), block, strict=True):
            destination.copy_(source)

    def load_rectified(self, index: int, block: Block) -> None:
        """Take a rectified block as the next input."""
        rectify(block, *self.split(self.state))

    def outputs(self) -> Iterator[Block]:
        """Pre-activations of what was loaded, with fresh weights."""
        self.weights.fill(self.variates, he_std(self.params.width))
        variates = self.variates[:, :, 0, 0]
        if self.gram:
            factor, indefinite = gram_factor(self.state, self.rows_stay_apart)
            self.indefinite |= indefinite
            yield self.split(factor @ variates)
        else:
            yield self.split(multiply(self.state, variates))

    def stored(self) -> list[Block]:
        """What is loaded, as blocks that may be rescaled in place."""
        return [self.split(self.state)]


def multiply(inputs: Tensor, weights: Tensor) -> Tensor:
    """inputs @ weights.mT for (realisations, rows, fan-in) and (realisations, outputs, fan-in)."""
    rows = inputs.shape[1]
    if inputs.device.type == "cpu" and rows % FEWEST_IMAGES_FOR_ONEDNN == 0:
        shape = (FEWEST_IMAGES_FOR_ONEDNN, -1, 1, inputs.shape[2])
        outputs = [
            convolve(x.view(shape), w[:, None, None]).reshape(rows, -1) for x, w in zip(inputs, weights, strict=True)
        ]
        return torch.stack(outputs) if len(outputs) > 1 else outputs[0][None]
    return inputs @ weights.mT


def gram_factor(inputs: Tensor, in_single: bool) -> tuple[Tensor, Tensor]:
    """Cholesky factor of the Gram matrix of the rows of ``inputs`` (realisations, rows, width).

    Given the inputs H, the pre-activations H W^T of Gaussian W are independent Gaussian columns with covariance
    proportional to H H^T: its factor times standard variates has the same law, with fewer variates and products if
    there are fewer rows than inputs.

    Parameters
    ----------
    inputs
        Signal and noise.
    in_single
        Whether single precision (with a relative jitter of 1e-6 on the diagonal) is enough for the products. It is
        for rows that stay apart. The rows of vanilla networks become parallel: they need double precision and a
        jitter of 1e-12.

    Returns
    -------
    tuple
        The factors, and whether a Gram matrix is indefinite to rounding (its factor is NaN): booleans (realisations,).
        The factor of a dead network, whose inputs are all zero, is zero.
    """
    if in_single:
        gram, jitter = (inputs @ inputs.mT).double(), 1e-6
    else:
        inputs = inputs.double()
        gram, jitter = inputs @ inputs.mT, 1e-12
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    diagonal += jitter * diagonal.mean(-1, keepdim=True)
    dead = diagonal.sum(-1) == 0
    factor, failed = torch.linalg.cholesky_ex(gram)  # without a check: it would halt a GPU in every layer
    factor.masked_fill_(dead[:, None, None], 0)
    indefinite = (failed > 0) & ~dead
    factor[:, 0, 0] = factor[:, 0, 0].masked_fill(indefinite, torch.nan)
    return factor.float(), indefinite
