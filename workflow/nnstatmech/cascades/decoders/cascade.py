"""Cascades: the decoders of all layers of E networks, and what they make of the activations of any depth."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ...allocator import keep_freed_memory
from ..networks import Layer, LayerParameters
from .rows import propagate


class Method(Protocol):
    """How decoders are fitted: :class:`.ridge.Ridge`, :class:`.ridge.Ridges`, :class:`.trained.Adam`."""

    def fit(self, layer: Layer, position: int, inputs: Tensor, outputs: Tensor) -> Any:
        """The decoders of one layer of E networks, or several kinds of them."""
        ...


@torch.no_grad()
def fit_cascade(
    layers: Sequence[Layer],
    parameters: Callable[[int], LayerParameters],
    method: Method,
    train: Tensor,
    test: Tensor,
    depths: Collection[int],
    after_layer: Callable[[], object] = lambda: None,
) -> tuple[list, dict[int, Tensor]]:
    """Fit the decoders of all layers, one layer at a time, and keep the test images' activations.

    Only one layer's training activations are alive at a time, so memory grows with depth by the decoders alone.

    Parameters
    ----------
    layers
        The network, first layer first.
    parameters
        Position of a layer to its parameters (see :func:`networks.initial_parameters`).
    method
        How decoders are fitted.
    train, test
        Images, (1, M, ...) or (E, M, ...).
    depths
        Depths (1 = after the first layer) whose test activations are kept.
    after_layer
        Called once a layer, for a progress bar.

    Returns
    -------
    What ``method`` makes of each layer, first layer first, and depth to test activations (E, images, ...).
    """
    keep_freed_memory()  # every layer makes patches and activations anew
    decoders, activations = [], {}
    for position, layer in enumerate(layers):
        drawn = parameters(position)
        outputs = propagate(layer, drawn, train)
        decoders.append(method.fit(layer, position, train, outputs))
        train, test = outputs, propagate(layer, drawn, test)
        if position + 1 in depths:
            activations[position + 1] = test
        after_layer()
    return decoders, activations


@torch.no_grad()
def reconstruct(
    decoders: Sequence[Callable[[Tensor], Tensor]],
    activations: Mapping[int, Tensor],
    after_layer: Callable[[], object] = lambda: None,
) -> Tensor:
    """Images that cascades from several depths give back, (E, depths in increasing order, images, ...).

    One sweep from the deepest layer to the first takes up the activations of each depth as it passes: L decoders
    are applied once each, instead of L²/2 times for one cascade after the other.
    """
    found = sorted(activations, reverse=True)
    batch = activations[found[0]]
    for depth in range(found[0], 0, -1):
        if depth in activations and depth != found[0]:
            batch = torch.cat([batch, activations[depth]], 1)
        batch = decoders[depth - 1](batch)
        after_layer()
    return batch.unflatten(1, (len(found), -1)).flip(1)
