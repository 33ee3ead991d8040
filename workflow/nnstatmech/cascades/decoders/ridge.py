"""Decoders in closed form: ridge regression of the activations before a layer on those after it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...products import baddbmm, bmm
from ..networks import Layer
from .rows import assemble, feature_rows, images_at_once, in_chunks, receptive_window, require_decodable, target_rows

# Products of activations are summed in float32 over so many images, and from there on in float64: the rounding of their
# matrix is then far below any λ from the bound on. Below it products are float64 as well, at twice the time.
IMAGES_OF_A_SUM = 512
SINGLE_PRECISION = 1e-4
UNRESOLVED, NOT_FINITE = 1, 2  # how a regression fails


@dataclass(frozen=True)
class RidgeDecoder:
    """Inverts ``layer`` by clamp(features of (outputs - centre) × weight + offset, -1, 1).

    ``centre``, one number per unit or channel, is subtracted first: outputs that agree to the last bit decode to the
    same image. All tensors have a leading axis E, but for ``failed``: 0, or how the regressions failed.
    """

    layer: Layer
    centre: Tensor
    weight: Tensor
    offset: Tensor
    failed: Tensor

    def __call__(self, outputs: Tensor) -> Tensor:
        return in_chunks(self.decode, self.layer, outputs)

    def decode(self, outputs: Tensor) -> Tensor:
        rows = feature_rows(self.layer, outputs - self.centre, receptive_window(self.layer))
        return assemble(self.layer, baddbmm(self.offset, rows, self.weight).clamp_(-1, 1))


def channel_means(x: Tensor) -> Tensor:
    """Means over everything but networks and units or channels, with the shape to be subtracted from ``x``."""
    return x.mean(tuple(range(1, x.dim() - 1)), keepdim=True)


@dataclass(frozen=True)
class Moments:
    """What the ridge regressions of one layer of E networks rest on, whatever their strength; float64.

    ``gram`` (E, features, features) and ``cross`` (E, features, targets) are covariances, ``feature_mean`` and
    ``target_mean`` (E, 1, ...) what is left of the means behind ``in_centre`` and ``out_centre``.
    """

    gram: Tensor
    cross: Tensor
    feature_mean: Tensor
    target_mean: Tensor
    in_centre: Tensor
    out_centre: Tensor


def moments(layer: Layer, inputs: Tensor, outputs: Tensor, precision: torch.dtype) -> Moments:
    """Moments of the activations before a layer, (E or 1, images, ...), and after it; products in ``precision``."""
    require_decodable(layer)
    size, step = receptive_window(layer), min(images_at_once(layer, outputs), IMAGES_OF_A_SUM)
    # Shifted before they are squared, so that nothing cancels where images hardly differ.
    in_centre, out_centre = channel_means(inputs), channel_means(outputs)
    gram = cross = feature_sum = target_sum = outputs.new_zeros((), dtype=torch.float64)
    rows = 0
    for before, after in zip(inputs.split(step, 1), outputs.split(step, 1), strict=True):
        features = feature_rows(layer, after - out_centre, size).to(precision)
        targets = target_rows(layer, before - in_centre).to(precision).expand(len(outputs), -1, -1)
        gram, cross = gram + bmm(features.mT, features), cross + bmm(features.mT, targets)
        feature_sum = feature_sum + features.sum(1, keepdim=True)
        target_sum = target_sum + targets.sum(1, keepdim=True)
        rows += features.shape[1]
    # Windows at the edge see zeros, so that means are left.
    feature_mean, target_mean = feature_sum / rows, target_sum / rows
    gram = gram / rows - feature_mean.mT @ feature_mean
    return Moments(gram, cross / rows - feature_mean.mT @ target_mean, feature_mean, target_mean, in_centre, out_centre)


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
        decoder = Ridges((self.strength,)).fit(layer, position, inputs, outputs)[0]
        require_solved([decoder.failed], self.strength)
        return decoder


@dataclass(frozen=True)
class Ridges:
    """:class:`Ridge` of several strengths, which share what is dear: the products of the activations.

    Whether regressions failed is for the caller to ask, once for all layers (:func:`require_solved`).
    """

    strengths: tuple[float, ...]

    def fit(self, layer: Layer, position: int, inputs: Tensor, outputs: Tensor) -> tuple[RidgeDecoder, ...]:
        """The decoders of one layer of E networks, one for each strength; arguments as those of :meth:`Ridge.fit`."""
        precision = torch.float32 if min(self.strengths) >= SINGLE_PRECISION else torch.float64
        found = moments(layer, inputs, outputs, precision)
        return tuple(decoder_of(layer, found, strength, outputs.dtype) for strength in self.strengths)


def decoder_of(layer: Layer, found: Moments, strength: float, precision: torch.dtype) -> RidgeDecoder:
    """The decoder of one strength."""
    weight, failed = solution_of(found.gram.clone(), found.cross, strength)
    shift = found.target_mean - found.feature_mean @ weight
    weight, shift = weight.to(precision), shift.to(precision)
    repeats = weight.shape[2] // found.in_centre.shape[-1]
    offset = found.in_centre.flatten(1, -2).repeat(1, 1, repeats) + shift
    return RidgeDecoder(layer, found.out_centre, weight, offset, failed)


def solve_ridge(gram: Tensor, cross: Tensor, strength: float) -> Tensor:
    """(``gram`` + λ)⁻¹ ``cross`` for float64 matrices (E, n, n), which are changed, and (E, n, m).

    Raises
    ------
    ValueError
        If a matrix is not finite, or λ is below the rounding of its largest eigenvalue.
    """
    solution, failed = solution_of(gram, cross, strength)
    require_solved([failed], strength)
    return solution


def solution_of(gram: Tensor, cross: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """:func:`solve_ridge` without a look at the outcome; and the outcome: 0, or how it failed."""
    finite = gram.isfinite().all()
    gram.diagonal(dim1=1, dim2=2).add_(strength)
    factor, failures = torch.linalg.cholesky_ex(gram)
    failed = torch.where(finite, torch.where(failures.any(), UNRESOLVED, 0), NOT_FINITE)
    return torch.cholesky_solve(cross, factor), failed


def require_solved(outcomes: Sequence[Tensor], strength: float) -> None:
    """Refuse regressions that failed; one look at all of them, for which a GPU has to be waited for."""
    worst = int(torch.stack(list(outcomes)).max())
    if worst:
        reason = "cannot resolve it" if worst == UNRESOLVED else "are not finite"
        raise ValueError(f"ridge_strength = {strength:g}: the products of the activations {reason}")
