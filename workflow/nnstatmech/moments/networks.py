"""The maps that random networks are made of, acting on signal and noise together.

Both are stacked along the images: one convolution, or one product of matrices, propagates them. Activations are
kept in blocks of images, as a :class:`Block` of rows (one row a position). Fresh weights are drawn at every use of a
map.

See also
--------
nnstatmech.moments.propagation : the architectures.
"""

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..devices import tensor_float_32
from ..products import bmm
from ..seeding import torch_stream
from .activations import activate
from .params import Propagation
from .statistics import column_means, number_of_rows, pieces, products


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
    stream
        Name of the streams: ``biases`` have their own, so that networks with and without them share their weights.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device, stream: str = "weights"):
        self.streams = [torch_stream(seed, stream, device=str(device)) for seed in seeds]

    def fill(self, out: Tensor, std: float) -> None:
        for realisation, stream in zip(out, self.streams, strict=True):
            realisation.normal_(0, std, generator=stream)

    def states(self) -> list[Tensor]:
        """Where the streams are: :meth:`rewind` draws again what came after."""
        return [stream.get_state() for stream in self.streams]

    def rewind(self, states: Sequence[Tensor]) -> None:
        for stream, state in zip(self.streams, states, strict=True):
            stream.set_state(state)


def hidden_std(weight_variance: float, fan_in: int) -> float:
    """Standard deviation of hidden weights: sigma_w^2 = 2 keeps the second moment through a ReLU (He et al. 2015)."""
    return math.sqrt(weight_variance / fan_in)


def lecun_std(fan_in: int) -> float:
    """Standard deviation of weights that keeps the second moment where no ReLU precedes."""
    return math.sqrt(1 / fan_in)


def batch_normalise(blocks: Sequence[Block], epsilon: float, differentiated: bool = False) -> None:
    """Batch normalisation in place, without trainable parameters.

    Mean and (population) variance are those of the signal, for each channel over all rows; the noise is divided by
    the same standard deviation.

    Parameters
    ----------
    blocks
        All rows.
    epsilon
        Added to the variances.
    differentiated
        Whether the noise passes through mean and variance too: dz = (dy - E dy - z E[z dy]) / std. If not, they are
        constants, and it is not even centred.
    """
    signals = [block.signal for block in blocks]
    means = column_means(signals)
    squares = reduce(torch.add, (piece.sub_(means).square().sum(1, keepdim=True) for piece in pieces(signals)))
    variances = squares / number_of_rows(signals)
    scale = torch.rsqrt(variances + epsilon)
    for block in blocks:
        block.signal.mul_(scale)
    if differentiated:
        project_out_statistics(signals, [block.noise for block in blocks])
    for block in blocks:
        block.noise.mul_(scale)


def project_out_statistics(normalised: Sequence[Tensor], tangents: Sequence[Tensor]) -> None:
    """Subtract E dy + z E[z dy] from tangents (or cotangents) dy in place: what mean and variance of the batch take.

    The map is symmetric: noise passes it forwards as gradients do backwards.
    """
    means = column_means(tangents)
    overlaps = column_means([z * tangent for z, tangent in zip(normalised, tangents, strict=True)])
    for z, tangent in zip(normalised, tangents, strict=True):
        tangent.sub_(means).addcmul_(z, overlaps, value=-1)


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
    biases
        Source of the biases; None for none.

    Attributes
    ----------
    indefinite
        Realisations with a Gram matrix that had no Cholesky factor: all that follows of them is NaN.
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
        self.inputs = torch.cat([signal, noise], 1)[:, :, 0, 0]
        realisations, rows, _ = self.inputs.shape
        width = params.width
        self.state = torch.empty(realisations, rows, width, device=signal.device)
        self.gram = params.weights == "gram" or (params.weights == "auto" and rows < width and not params.gradients)
        self.rows_stay_apart = params.architecture != "vanilla" and 4 * rows <= width
        self.variates = torch.empty(realisations, rows if self.gram else width, 1, 1, width, device=signal.device)
        self.bias = torch.empty(realisations, 1, width, device=signal.device)
        self.indefinite = torch.zeros(realisations, dtype=torch.bool, device=signal.device)

    def split(self, stacked: Tensor) -> Block:
        images = stacked.shape[1] // 2
        return Block(stacked[:, :images], stacked[:, images:])

    def first(self) -> list[Block]:
        """Output x^0 of the first layer, with weights of variance 1 / fan-in."""
        realisations, _, features = self.inputs.shape
        weights = torch.empty(realisations, self.params.width, 1, 1, features, device=self.state.device)
        self.weights.fill(weights, lecun_std(features))
        return [self.split(bmm(self.inputs, weights[:, :, 0, 0].mT))]

    def load(self, index: int, block: Block) -> None:
        """Take a block as the next input."""
        for destination, source in zip(self.split(self.state), block, strict=True):
            destination.copy_(source)

    def load_activated(self, index: int, block: Block) -> None:
        """Take phi of a block as the next input."""
        activate(self.params.activation, *block, into=self.split(self.state))

    def outputs(self) -> Iterator[Block]:
        """Pre-activations of what was loaded, with fresh weights."""
        self.weights.fill(self.variates, hidden_std(self.params.weight_variance, self.params.width))
        variates = self.variates[:, :, 0, 0]
        if self.gram:
            factor, indefinite = gram_factor(self.state, self.rows_stay_apart)
            self.indefinite |= indefinite
            block = self.split(bmm(factor, variates))
        else:
            with tensor_float_32(self.params.tf32):
                block = self.split(bmm(self.state, variates.mT))
        if self.biases is not None:
            self.biases.fill(self.bias, math.sqrt(self.params.bias_variance))
            block.signal.add_(self.bias)
        yield block

    def stored(self) -> list[Block]:
        """What is loaded, as blocks that may be rescaled in place."""
        return [self.split(self.state)]


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
        gram, jitter = products(inputs.double()), 1e-12
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    diagonal += jitter * diagonal.mean(-1, keepdim=True)
    dead = diagonal.sum(-1) == 0
    factor, failed = torch.linalg.cholesky_ex(gram)  # without a check: it would halt a GPU in every layer
    factor.masked_fill_(dead[:, None, None], 0)
    indefinite = (failed > 0) & ~dead
    factor[:, 0, 0] = factor[:, 0, 0].masked_fill(indefinite, torch.nan)
    return factor.float(), indefinite
