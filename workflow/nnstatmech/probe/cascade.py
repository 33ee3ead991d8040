"""Reconstruction cascades: ridge decoders from each block's output to its input, chained to the source.

As in :mod:`nnstatmech.cascades`, what a cascade from block l loses is what l blocks have lost, as far as decoders of
that kind can tell. Where input and output lie on grids that fit, positions share a decoder of windows of the output;
otherwise one decoder takes the whole image. Features and targets are centred per unit and position. Decoders are
fitted on three quarters of the images and judged on the rest.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..cascades.entropies import as_probabilities, explained_variance
from .moments import NOTHING
from .structure import Block

RELATIVE = 1e-4  # λ over the mean square of the centred features
ABSOLUTE = 1e-3  # λ of the reconstruction cascades' work
TEST_SHARE = 4  # one image in so many is held out, at most
MOST_TEST_IMAGES, FEWEST_TEST_IMAGES = 100, 8
DECODED = 2**22  # elements of the largest block's reconstructions from all depths
FEWEST_IMAGES = 8
MOST_IMAGES = 1024
MULTIPLY_ADDS = 2e10  # of the pass that gives the activations
IMAGES_AT_ONCE = 16
LARGEST_WEIGHT = 2**22  # elements of a matrix
ELEMENTS = 2**26  # of all blocks' activations together
MOST_ROWS = 3072  # of one regression
FEWEST = 2.0  # rows for each feature that a window wider than one position needs
WIDEST = 3  # side of the windows
EXTRA_TOKENS = 2  # class tokens that a transformer puts before the patches


def images_to_use(blocks: Sequence[Block], available: int, batch: int) -> int:
    """How many images a cascade takes: all, unless that costs too much."""
    work = sum(block.multiply_adds for block in blocks)
    elements = sum(math.prod(map(int, block.shape.split("x"))) for block in blocks)
    affordable = min(MOST_IMAGES, int(MULTIPLY_ADDS / max(work, 1)), int(ELEMENTS / max(elements, 1)))
    return min(available, max(affordable, min(batch, int(ELEMENTS / max(elements, 1)))))


@dataclass(frozen=True)
class Grid:
    """How the positions of a block's input lie on those of its output.

    Attributes
    ----------
    outputs
        Numbers of output positions along each axis that a decoder is moved over; () for a decoder of whole images.
    inputs
        Numbers of input positions along the same axes.
    ratio
        Input positions for each output position along each axis.
    window
        Side of the windows of the output.
    spread
        Output positions for each input position, where there are more of them.
    dropped
        Leading output positions without a counterpart.
    """

    outputs: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
    ratio: int = 1
    window: int = 1
    spread: int = 1
    dropped: int = 0


def grid_of(inputs: tuple[int, ...], outputs: tuple[int, ...], block: Block) -> Grid:
    """The grid of a block from the positions of its input and output, () where there are none."""
    size_in, size_out = math.prod(inputs), math.prod(outputs)
    if min(size_in, size_out) <= 1:
        return Grid()
    window = WIDEST if block.window > 1 else 1
    if len(inputs) == len(outputs) <= 2:
        sides = list(zip(inputs, outputs, strict=True))
        spreads = {o // i if o % i == 0 else 0 for i, o in sides}
        if len(spreads) == 1 and (spread := spreads.pop()) > 1:
            return Grid(outputs, inputs, spread=spread)
        ratio = math.ceil(inputs[0] / outputs[0])
        if all(0 <= o * ratio - i < ratio for i, o in sides):
            # Kernels that do not overlap need no window.
            return Grid(outputs, inputs, ratio, 1 if block.strides and block.window <= ratio else window)
        borders = {i - o for i, o in zip(inputs, outputs, strict=True)}
        if len(borders) == 1 and 0 < (border := borders.pop()) < block.window and border % 2 == 0:
            return Grid(outputs, inputs, 1, WIDEST)
    if len(outputs) == 1 and 0 <= size_out - size_in <= EXTRA_TOKENS:
        return Grid((size_in,), (size_in,), dropped=size_out - size_in)
    return Grid((size_in,), (size_in,)) if size_in == size_out else Grid()


def blocks_to_features(x: Tensor, side: int) -> Tensor:
    """Positions in groups of ``side`` along each axis become features: (n, C, P…) to (n, C sideᵈ, P/side…)."""
    axes = x.dim() - 2
    for axis in range(axes):
        x = x.unflatten(2 + 2 * axis, (-1, side))
    inner = [3 + 2 * axis for axis in range(axes)]
    outer = [2 + 2 * axis for axis in range(axes)]
    return x.permute(0, 1, *inner, *outer).flatten(1, 1 + axes)


def features_to_blocks(x: Tensor, side: int) -> Tensor:
    """The inverse of :func:`blocks_to_features`."""
    axes = x.dim() - 2
    x = x.unflatten(1, (-1, *[side] * axes))
    order = [0, 1]
    for axis in range(axes):
        order += [2 + axes + axis, 2 + axis]
    x = x.permute(order)
    for axis in range(axes):
        x = x.flatten(2 + axis, 3 + axis)
    return x


def filled(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Zeros behind the positions, up to ``sizes`` of them along each axis."""
    missing = [size - have for size, have in zip(sizes, x.shape[2:], strict=True)]
    return F.pad(x, [number for extra in reversed(missing) for number in (0, extra)])


class Regression:
    """Rows of a decoder's regression, drawn from centred activations.

    Parameters
    ----------
    grid
        How positions correspond.
    """

    def __init__(self, grid: Grid):
        self.grid = grid

    def features(self, outputs: Tensor) -> Tensor:
        """Windows of centred outputs: a view (n, P…, C, windows…), or (n, all) for whole images."""
        if not self.grid.outputs:
            return outputs.flatten(1)
        outputs = self.padded(outputs)
        axes = outputs.dim() - 2
        for axis in range(axes):
            outputs = outputs.unfold(2 + axis, self.grid.window, 1)
        return outputs.movedim(1, 1 + axes)

    def padded(self, outputs: Tensor) -> Tensor:
        """Centred outputs with zeros around them, such that each position of a decoder has a window."""
        grid = self.grid
        if len(grid.outputs) != outputs.dim() - 2 or grid.dropped:
            outputs = outputs.flatten(2)[:, :, grid.dropped :]
        if grid.spread > 1:
            outputs = blocks_to_features(outputs, grid.spread)
        target = [math.ceil(size / grid.ratio) for size in grid.inputs]
        margins = [size - have + grid.window - 1 for size, have in zip(target, outputs.shape[2:], strict=True)]
        return F.pad(outputs, [number for m in reversed(margins) for number in (m // 2, m - m // 2)])

    def targets(self, inputs: Tensor) -> Tensor:
        """What is predicted for each position: (n, P…, C), or (n, all)."""
        grid = self.grid
        if not grid.outputs:
            return inputs.flatten(1)
        inputs = inputs.flatten(2).unflatten(2, grid.inputs)
        if grid.ratio > 1:
            sizes = [math.ceil(size / grid.ratio) * grid.ratio for size in grid.inputs]
            inputs = blocks_to_features(filled(inputs, sizes), grid.ratio)
        return inputs.movedim(1, -1)

    def assembled(self, rows: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Predicted rows (n, P…, C) as inputs of the block, (n, *shape)."""
        grid = self.grid
        if not grid.outputs:
            return rows.reshape(-1, *shape)
        inputs = rows.movedim(-1, 1)
        if grid.ratio > 1:
            inputs = features_to_blocks(inputs, grid.ratio)
            inputs = inputs[(slice(None), slice(None), *(slice(0, size) for size in grid.inputs))]
        return inputs.reshape(len(rows), *shape)


def scaled(x: Tensor) -> tuple[Tensor, float]:
    """A tensor in single precision with largest element one, and what it was divided by."""
    size = float(x.abs().max()) or 1.0
    return (x / size).float(), size


@dataclass
class Decoder:
    """Inverts one block: windows of (outputs - their mean) times weights, plus the mean input, within bounds."""

    regression: Regression
    output_mean: Tensor
    input_mean: Tensor
    weights: "Weights"
    bounds: tuple[float, float]

    @cached_property
    def kernel(self) -> tuple[Tensor, float] | None:
        """The weights as a convolution in single precision and what they are divided by, for windows of an image."""
        grid = self.regression.grid
        if len(grid.outputs) != 2 or grid.window == 1 or self.weights.primal is None:
            return None
        return scaled(self.weights.primal.mT.unflatten(1, (-1, grid.window, grid.window)).contiguous())

    def __call__(self, outputs: Tensor) -> Tensor:
        deviations = outputs - self.output_mean
        if self.kernel is not None:
            rows = self.convolved(deviations, *self.kernel).movedim(1, -1)
        else:
            rows = torch.cat([self.decoded(part) for part in deviations.split(IMAGES_AT_ONCE)])
        inputs = self.regression.assembled(rows, self.input_mean.shape[1:]) + self.input_mean
        return inputs.clamp(*self.bounds)

    def convolved(self, deviations: Tensor, kernel: Tensor, gain: float) -> Tensor:
        # What is left to add to the mean needs six digits, not sixteen, and has a fast kernel in single precision.
        images, size = scaled(self.regression.padded(deviations))
        return F.conv2d(images, kernel).to(deviations) * (size * gain)

    def decoded(self, deviations: Tensor) -> Tensor:
        features = self.regression.features(deviations)
        positions = features.shape[: 1 + len(self.regression.grid.outputs)]
        return self.weights(features.reshape(math.prod(positions), -1)).reshape(*positions, -1)


def chosen_rows(positions: tuple[int, ...], features: int) -> tuple[Tensor, ...]:
    """Indices of the rows that are fitted on: all, or as many at random as the regression needs."""
    total = math.prod(positions)
    wanted = min(total, MOST_ROWS, max(4 * features, MOST_ROWS // 2))
    generator = torch.Generator().manual_seed(0)
    flat = torch.arange(total) if wanted == total else torch.randperm(total, generator=generator)[:wanted]
    return torch.unravel_index(flat, positions)


def fitted(
    block: Block, bounds: tuple[float, float], inputs: Tensor, outputs: Tensor
) -> tuple[list[Callable[[Tensor], Tensor]], float]:
    """Decoders of one block for the relative and the absolute λ, and how many rows there are for each feature.

    A block that only reshapes is inverted exactly.

    Parameters
    ----------
    bounds
        Range of the block's input.
    inputs, outputs
        Activations of the training images before and after the block, (n, C, P…).
    """
    if outputs.numel() == inputs.numel() and torch.equal(outputs.flatten(1), inputs.flatten(1)):
        shape = inputs.shape[1:]
        return [lambda outputs: outputs.reshape(len(outputs), *shape)] * 2, math.inf
    grid = grid_of(tuple(inputs.shape[2:]), tuple(outputs.shape[2:]), block)
    rows_of_window = len(outputs) * math.prod(grid.outputs) / (outputs.shape[1] * grid.window ** len(grid.outputs))
    if rows_of_window < FEWEST:
        grid = replace(grid, window=1)
    regression = Regression(grid)
    output_mean, input_mean = outputs.mean(0, keepdim=True), inputs.mean(0, keepdim=True)
    features = regression.features(outputs - output_mean)
    targets = regression.targets(inputs - input_mean)
    positions = tuple(features.shape[: 1 + len(grid.outputs)])
    width = math.prod(features.shape[len(positions) :])
    where = chosen_rows(positions, width)
    rows = features[where].reshape(len(where[0]), -1)
    wanted = targets[where].reshape(len(where[0]), -1)
    strengths = RELATIVE * float(rows.square().mean()), ABSOLUTE
    decoders = [
        Decoder(regression, output_mean, input_mean, weights, bounds) for weights in ridge(rows, wanted, strengths)
    ]
    return decoders, math.prod(positions) / width


@dataclass(frozen=True)
class Weights:
    """A linear map from rows of features to rows of targets: one matrix, or two whose product it is."""

    factors: tuple[Tensor, ...]

    @property
    def primal(self) -> Tensor | None:
        """The matrix, (features, targets), where it is one."""
        return self.factors[0] if len(self.factors) == 1 else None

    def __call__(self, features: Tensor) -> Tensor:
        for factor in self.factors:
            features = features @ factor
        return features


def solved(matrix: Tensor, wanted: Tensor) -> Tensor:
    """The solution for a positive-definite matrix; what rounding leaves undetermined is zero."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if not failed:
        return torch.cholesky_solve(wanted, factor)
    values, vectors = torch.linalg.eigh(matrix)
    kept = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
    return vectors[:, kept] @ ((vectors[:, kept].mT @ wanted) / values[kept, None])


def ridge(rows: Tensor, targets: Tensor, strengths: Sequence[float]) -> list[Weights]:
    """The ridge regressions (AᵀA/R + λ)⁻¹ AᵀT/R, in their dual form where there are fewer rows than features."""
    count, width = rows.shape
    primal = count >= width
    gram = (rows.mT @ rows if primal else rows @ rows.mT) / count
    wanted = (rows.mT @ targets if primal else targets) / count
    found = []
    for strength in strengths:
        if strength <= 0:
            found.append(Weights((rows.new_zeros(width, targets.shape[1]),)))
            continue
        shifted = gram.clone()
        shifted.diagonal().add_(strength)
        solution = solved(shifted, wanted)
        if primal:
            found.append(Weights((solution,)))
        elif width * targets.shape[1] <= LARGEST_WEIGHT:
            found.append(Weights((rows.mT @ solution,)))
        else:
            found.append(Weights((rows.mT, solution)))
    return found


def differential_entropy(reconstructions: Tensor) -> float:
    """Entropy per pixel, in nats, of normalised reconstructions over images; NaN where a pixel does not vary.

    As :func:`nnstatmech.cascades.entropies.differential_entropy`, without its floor.
    """
    deviations = as_probabilities(reconstructions.flatten(1)).std(0)
    if not bool((deviations > 0).all()):
        return NOTHING
    return float(0.5 * math.log(2 * math.pi * math.e) + deviations.log().mean())


@torch.no_grad()
def cascade_quantities(
    blocks: Sequence[Block], activations: Sequence[Tensor], training_images: int | None = None
) -> list[dict[str, float]]:
    """What each block's cascade gives back of the source.

    Parameters
    ----------
    blocks
        The blocks, the source first.
    activations
        Their outputs for the same images, (n, C, P…).
    training_images
        How many images, the first ones, decoders are fitted on; by default three quarters, all but 100 at least.

    Returns
    -------
    list of dict
        ``r2`` and ``r2_absolute`` (held-out images, λ relative and absolute), ``differential_entropy`` (of
        reconstructions with the relative λ, nats) and ``rows_per_feature`` (of the block's decoder), for each block.
    """
    images = len(activations[0])
    largest = max(value[0].numel() for value in activations)
    affordable = max(FEWEST_TEST_IMAGES, DECODED // (len(blocks) * largest))
    held_out = min(MOST_TEST_IMAGES, images // TEST_SHARE, affordable)
    training = images - held_out if training_images is None else training_images
    source = activations[0]
    lowest, highest = float(source.min()), float(source.max())
    results = [{} for _ in blocks]
    decoders = []
    for index in range(1, len(blocks)):
        bounds = (lowest, highest) if index == 1 else blocks[index - 1].bounds
        pair, ratio = fitted(blocks[index], bounds, activations[index - 1][:training], activations[index][:training])
        decoders.append(pair)
        results[index]["rows_per_feature"] = ratio if math.isfinite(ratio) else NOTHING
    originals = source[training:].flatten(1)
    for which, name in enumerate(("r2", "r2_absolute")):
        batch = activations[-1][:0]
        for index in range(len(blocks) - 1, 0, -1):
            batch = torch.cat([batch, activations[index][training:]])
            batch = decoders[index - 1][which](batch)
        for part, index in zip(batch.split(len(originals)), range(len(blocks) - 1, 0, -1), strict=True):
            results[index][name] = float(explained_variance(originals, part.flatten(1)))
            if which == 0:
                results[index]["differential_entropy"] = differential_entropy(part)
    results[0] |= {"r2": 1.0, "r2_absolute": 1.0, "differential_entropy": differential_entropy(source[training:])}
    return results
