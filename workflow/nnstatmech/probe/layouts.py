"""Which axis of a tensor counts images, which features, and which positions.

The batch axis is found by exchanging one image: it is the axis along which only that image's entries change. The
feature axis follows the kind of the module that made the tensor.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.pooling import (
    _AdaptiveAvgPoolNd,
    _AdaptiveMaxPoolNd,
    _AvgPoolNd,
    _LPPoolNd,
    _MaxPoolNd,
)

from .checks import ProbeError

POOLINGS = (_MaxPoolNd, _AvgPoolNd, _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _LPPoolNd)
RESAMPLINGS = (*POOLINGS, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.Flatten, nn.Unflatten, nn.MaxUnpool2d)
CHANNELS_FIRST = (
    _ConvNd,
    _NormBase,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    *POOLINGS,
    nn.Upsample,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
)
FEATURES_LAST = (
    nn.Linear,
    nn.Bilinear,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
    nn.RNNBase,
    nn.Embedding,
)


@dataclass(frozen=True)
class Layout:
    """The axes of a tensor of activations.

    Attributes
    ----------
    batch
        Axis of the images.
    features
        Axis of the features; None where all entries of an image are features.
    merged
        Entries of the batch axis for each image: 1, or the number of positions that are merged into it.
    images_first
        Whether, of merged entries, the positions of one image follow each other (else the images of one position).
    """

    batch: int
    features: int | None
    merged: int = 1
    images_first: bool = True

    def fits(self, tensor: Tensor) -> bool:
        """Whether a tensor can be read so: a module that is given some rows only may give any number of them."""
        axes = max(self.batch, 0 if self.features is None else self.features)
        return tensor.dim() > axes and tensor.shape[self.batch] % self.merged == 0

    def canonical(self, tensor: Tensor) -> Tensor:
        """A view, where possible, of shape (images, features, positions …)."""
        batch, features = self.batch, self.features
        if self.merged > 1:
            shape = (-1, self.merged) if self.images_first else (self.merged, -1)
            tensor = tensor.unflatten(batch, shape)
            features = features + 1 if features is not None and features > batch else features
            batch = batch if self.images_first else batch + 1
        if features is None:
            return tensor.movedim(batch, 0).flatten(1) if tensor.dim() > 1 else tensor[:, None]
        return tensor.movedim((batch, features), (0, 1))

    def restored(self, canonical: Tensor, like: Tensor) -> Tensor:
        """The inverse of :meth:`canonical` for a tensor with the shape of ``like``, but for the number of images."""
        images = len(canonical)
        if self.merged > 1:
            shape = list(like.shape)
            shape[self.batch : self.batch + 1] = [images, self.merged] if self.images_first else [self.merged, images]
            batch = self.batch if self.images_first else self.batch + 1
            features = None if self.features is None else self.features + (self.features > self.batch)
        else:
            shape, batch, features = list(like.shape), self.batch, self.features
            shape[batch] = images
        if features is None:
            others = [size for axis, size in enumerate(shape) if axis != batch]
            result = canonical.reshape(images, *others).movedim(0, batch)
        else:
            result = canonical.movedim((0, 1), (batch, features))
        return result.flatten(self.batch, self.batch + 1) if self.merged > 1 else result


def shape_text(canonical_shape: tuple[int, ...]) -> str:
    """Features and positions of one image: ``64x8x8``."""
    return "x".join(str(size) for size in canonical_shape[1:])


def batch_axis(before: Tensor, after: Tensor, images: int, changed: int) -> Layout | None:
    """The axis along which only the entries of one image differ.

    Parameters
    ----------
    before, after
        The same tensor for a batch and for one with another image number ``changed``.
    images
        Number of images.

    Returns
    -------
    Layout or None
        Without features; None where nothing differs, or a value is not finite.

    Raises
    ------
    ProbeError
        If the difference is not confined to one image along any axis.
    """
    if before.shape != after.shape or not (torch.isfinite(before).all() and torch.isfinite(after).all()):
        return None
    scale = before.abs().max()
    differs = (before - after).abs() > 1e-9 * scale
    if not differs.any():
        return None
    for axis, size in enumerate(before.shape):
        if size % images:
            continue
        entries = differs.movedim(axis, 0).reshape(size, -1).any(1)
        where = entries.nonzero().flatten().tolist()
        merged = size // images
        if all(entry // merged == changed for entry in where):
            return Layout(axis, None, merged)
        if all(entry % images == changed for entry in where):
            return Layout(axis, None, merged, images_first=False)
    raise ProbeError("undecided")


def kind_axis(module: nn.Module) -> Literal["first", "last"] | None:
    """Where modules of this kind have their features: on axis 1, on the last axis; None where they leave them."""
    two_dimensional = type(module).__name__.rstrip("_").endswith(("1d", "2d", "3d"))
    if isinstance(module, CHANNELS_FIRST) or (two_dimensional and isinstance(module, nn.LayerNorm)):
        return "first"
    return "last" if isinstance(module, FEATURES_LAST) else None


def own_feature_axis(module: nn.Module, value: Tensor) -> int:
    """The axis on which a module of a known kind has the features of what it gives."""
    return min(1, value.dim() - 1) if kind_axis(module) == "first" else value.dim() - 1


def feature_candidates(shape: tuple[int, ...], batch: int, module: nn.Module, value: Tensor) -> tuple[int, list[int]]:
    """The usual feature axis of a tensor that ``module`` had the last say in, and all axes of the right size.

    Parameters
    ----------
    value
        What the module gave.
    """
    others = [axis for axis in range(len(shape)) if axis != batch]
    usual = others[-1] if kind_axis(module) == "last" else others[0]
    features = value.shape[own_feature_axis(module, value)]
    return usual, [axis for axis in others if shape[axis] == features]


def from_letters(letters: str, axes: int) -> Layout:
    """The layout that a user states: ``BCHW``, ``BHWC``, ``TBD``, …; B counts images, C or D features.

    Raises
    ------
    ProbeError
        If it does not name one batch axis, at most one feature axis, and ``axes`` axes in all.
    """
    upper = letters.upper()
    features = [axis for axis, letter in enumerate(upper) if letter in "CD"]
    if len(upper) != axes or upper.count("B") != 1 or len(features) > 1:
        raise ProbeError(
            f"layout {letters!r}: must give a letter for each of {axes} axes, B once (images) and C or D at most once"
            " (features)"
        )
    return Layout(upper.index("B"), features[0] if features else None)
