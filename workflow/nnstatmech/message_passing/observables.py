"""What is measured on a network: its predictions and the state of its weights."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..products import bmm
from .checks import check_batch
from .layers.layer import LayerInput, first_input, floored
from .network import Network

TIE = 1e-10


def pointwise_outputs(decisions: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """Output preactivations (R, M, N_{L+1}) of the network with weights ``decisions`` [(R, K, N)] and sign units."""
    x = inputs
    for index, weights in enumerate(decisions):
        if index:
            x = torch.where(x + TIE > 0, 1.0, -1.0).to(weights.dtype)
        x = bmm(x, weights.mT)
    return x


def bayesian_outputs(network: Network, inputs: Tensor) -> Tensor:
    """ω/√V of the output units, (R, M, N_{L+1}), averaged over the posterior layer by layer; no messages from above."""
    received, ratio = first_input(inputs), inputs
    for layer in network.layers:
        weights = layer.weights
        total = bmm(received.square, weights.variance.mT)
        if received.variance is not None:
            total += weights.spread(received.variance)
        total = floored(total, received.mean_square * weights.mean_square())
        ratio = bmm(received.mean, weights.mean.mT) * torch.rsqrt(total)
        mean = torch.erf(ratio * 0.5**0.5)
        square = mean * mean
        received = LayerInput(mean, square, 1.0, 1 - square)
    return ratio


def errors(outputs: Tensor, labels: Tensor) -> Tensor:
    """Where outputs (R, M, 1) or (R, M, classes) disagree with labels (R, M): boolean (R, M)."""
    if outputs.shape[-1] > 1:
        return outputs.argmax(-1) != labels
    return torch.where(outputs[..., 0] + TIE > 0, 1.0, -1.0) != labels


def pointwise_error(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    """Fraction (R,) of samples that the network with weights sign(m) gets wrong; refuses what learning would refuse."""
    check_batch(inputs, labels, network.classes)
    decisions = [layer.weights.decide() for layer in network.layers]
    return errors(pointwise_outputs(decisions, inputs), labels).double().mean(1)


def bayesian_error(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    """Fraction (R,) of samples that the posterior average gets wrong; refuses what learning would refuse."""
    check_batch(inputs, labels, network.classes)
    return errors(bayesian_outputs(network, inputs), labels).double().mean(1)


def polarisation(mean: Tensor, mask: Tensor | None = None) -> Tensor:
    """⟨q0⟩ (R,): mean over units of the mean of m_ki² over the weights of unit k, from m (R, K, N).

    Parameters
    ----------
    mask
        0/1 (R, K, N): the weights that exist; None for all. Units without any are left out.
    """
    if mask is None:
        return mean.square().mean((1, 2))
    return ratio_mean((mean * mean * mask).sum(2), mask.sum(2), 1)


def overlap(mean: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Mean of the K × K matrix of the units' overlaps, each (R,): the whole of it, and off its diagonal.

    The overlap of two units is the mean of m_ai m_bi over the weights that both have: m mᵀ/N without a mask. Old
    figures plot the whole, ⟨q0⟩/K included: whole = (K − 1)/K · off-diagonal + ⟨q0⟩/K where every unit has weights.
    The second is None for a single unit.
    """
    units, inputs = mean.shape[1:]
    if mask is not None:
        return masked_overlap(mean, mask)
    whole = mean.sum(1).square().sum(1) / (inputs * units * units)
    if units == 1:
        return whole, None
    return whole, (units * whole - polarisation(mean)) / (units - 1)


def masked_overlap(mean: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
    """:func:`overlap` of units that have different weights; pairs that share none are left out."""
    products, shared = bmm(mean, mean.mT), bmm(mask, mask.mT)
    units = mean.shape[1]
    whole = ratio_mean(products.flatten(1), shared.flatten(1), 1)
    if units == 1:
        return whole, None
    apart = ~torch.eye(units, dtype=torch.bool, device=mean.device)
    return whole, ratio_mean(products[:, apart], shared[:, apart], 1)


def ratio_mean(sums: Tensor, counts: Tensor, dim: int) -> Tensor:
    """Mean over ``dim`` of sums/counts, where there is anything to count; 0 where there is nothing at all."""
    counted = counts > 0
    ratios = torch.where(counted, sums / counts.clamp_min(1), torch.zeros_like(sums))
    return ratios.sum(dim) / counted.sum(dim).clamp_min(1)


def sign_overlaps(
    decisions: Sequence[Tensor], masks: Sequence[Tensor | None]
) -> Iterator[tuple[str, int, list[float]]]:
    """Mean overlap of two units' weights ``decisions`` [(R, K, N)]: ``sign_overlap``, layer, one value a replica.

    A layer with a single unit has none. ``masks`` are those of the layers, None where all weights exist.
    """
    for layer, (weights, mask) in enumerate(zip(decisions, masks, strict=True)):
        off_diagonal = overlap(weights, mask)[1]
        if off_diagonal is not None:
            yield "sign_overlap", layer, off_diagonal.tolist()


def weight_state(mean: Tensor, field: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
    """What is recorded of a layer's means m and fields H, both (R, K, N): each quantity (R,).

    ``overlap_full`` has the diagonal of the matrix of overlaps, ``overlap`` (absent for a single unit) has not. All
    are of the weights that exist.
    """
    full, off_diagonal = overlap(mean, mask)
    state = {"polarisation": polarisation(mean, mask), "overlap_full": full}
    if off_diagonal is not None:
        state["overlap"] = off_diagonal
    existing = field.numel() / len(field) if mask is None else mask.sum((1, 2)).double().clamp_min(1)
    return state | {
        "field_scale": (field.double().square().sum((1, 2)) / existing).sqrt(),
        "largest_field": field.abs().amax((1, 2)),
    }
