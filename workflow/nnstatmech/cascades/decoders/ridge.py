"""Decoders in closed form: ridge regression of the activations before a layer on those after it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks import Layer
from .rows import assemble, feature_rows, images_at_once, in_chunks, receptive_window, require_decodable, target_rows


@dataclass(frozen=True)
class RidgeDecoder:
    """Inverts ``layer`` by clamp(features of (outputs - centre) × weight + offset, -1, 1).

    ``centre``, one number per unit or channel, is subtracted first: outputs that agree to the last bit decode to the
    same image. All tensors have a leading axis E.
    """

    layer: Layer
    centre: Tensor
    weight: Tensor
    offset: Tensor

    def __call__(self, outputs: Tensor) -> Tensor:
        return in_chunks(self.decode, self.layer, outputs)

    def decode(self, outputs: Tensor) -> Tensor:
        rows = feature_rows(self.layer, outputs - self.centre, receptive_window(self.layer))
        return assemble(self.layer, torch.baddbmm(self.offset, rows, self.weight).clamp_(-1, 1))


def channel_means(x: Tensor) -> Tensor:
    """Means over everything but networks and units or channels, with the shape to be subtracted from ``x``."""
    return x.mean(tuple(range(1, x.dim() - 1)), keepdim=True)


@dataclass(frozen=True)
class Ridge:
    """Fits decoders by ridge regression: weight = (AᵀA/R + λ)⁻¹ AᵀX/R with centred rows A (features), X (targets).

    Parameters
    ----------
    strength
        λ, in units of squared activations: variances below it are not decoded.
    """

    strength: float

    def fit(self, layer: Layer, position: int, inputs: Tensor, outputs: Tensor) -> RidgeDecoder:
        """The decoders of one layer of E networks.

        Parameters
        ----------
        layer, position
            The layer and its place in the network.
        inputs, outputs
            Activations before it, (E or 1, images, ...), and after it, (E, images, ...).
        """
        require_decodable(layer)
        size, step = receptive_window(layer), images_at_once(layer, outputs)
        # Shifted before they are squared, so that nothing cancels where images hardly differ.
        in_centre, out_centre = channel_means(inputs), channel_means(outputs)
        gram = cross = feature_sum = target_sum = outputs.new_zeros((), dtype=torch.float64)
        rows = 0
        for before, after in zip(inputs.split(step, 1), outputs.split(step, 1), strict=True):
            # In float64: the rounding of a float32 Gram matrix of large norm can exceed a small λ.
            features = feature_rows(layer, after - out_centre, size).double()
            targets = target_rows(layer, before - in_centre).double().expand(len(outputs), -1, -1)
            gram, cross = gram + features.mT @ features, cross + features.mT @ targets
            feature_sum = feature_sum + features.sum(1, keepdim=True)
            target_sum = target_sum + targets.sum(1, keepdim=True)
            rows += features.shape[1]
        # What is left of the means: windows at the edge see zeros.
        feature_mean, target_mean = feature_sum / rows, target_sum / rows
        gram = gram / rows - feature_mean.mT @ feature_mean
        weight = solve_ridge(gram, cross / rows - feature_mean.mT @ target_mean, self.strength)
        shift = target_mean - feature_mean @ weight
        weight, shift = weight.to(outputs.dtype), shift.to(outputs.dtype)
        repeats = weight.shape[2] // in_centre.shape[-1]
        offset = in_centre.flatten(1, -2).repeat(1, 1, repeats) + shift
        return RidgeDecoder(layer, out_centre, weight, offset)


def solve_ridge(gram: Tensor, cross: Tensor, strength: float) -> Tensor:
    """(``gram`` + λ)⁻¹ ``cross`` for float64 matrices (E, n, n), which are changed, and (E, n, m).

    Raises
    ------
    ValueError
        If a matrix is not finite, or λ is below the rounding of its largest eigenvalue.
    """
    gram.diagonal(dim1=1, dim2=2).add_(strength)
    factor, failures = torch.linalg.cholesky_ex(gram)
    if failures.any():
        reason = "cannot resolve it" if gram.isfinite().all() else "are not finite"
        raise ValueError(f"ridge_strength = {strength:g}: the products of the activations {reason}")
    return torch.cholesky_solve(cross, factor)


def decoder_size(layer: Layer) -> int:
    """Number of weights of one layer's ridge decoder, for estimates of memory."""
    return max(1, receptive_window(layer)) ** 2 * layer.out_shape[-1] * layer.in_shape[-1] * layer.stride**2
