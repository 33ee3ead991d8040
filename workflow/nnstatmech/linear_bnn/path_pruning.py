"""Signals of a deep ReLU classifier along its strongest paths.

With the pattern of active units of an image fixed, a ReLU network is linear, and its logits are sums of one
current a pixel. Keeping, layer by layer and for every pixel, only the K units that carry the largest currents
shows how many paths a decision needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..products import bmm
from ..seeding import torch_stream
from .digits import MiniBatches, accuracy


@dataclass
class ReluClassifiers:
    """An ensemble of fully connected ReLU networks, one a seed.

    Attributes
    ----------
    weights, biases
        One tensor a layer, shapes (seeds, outputs, inputs) and (seeds, 1, outputs).
    """

    weights: list[Tensor]
    biases: list[Tensor]

    @classmethod
    def draw(cls, widths: Sequence[int], seeds: Sequence[int], device: torch.device | str = "cpu"):
        """Weights and biases uniform within ± 1/√inputs, each seed's from its own stream."""
        streams = [torch_stream(seed, "path_pruning", "weights") for seed in seeds]
        weights, biases = [], []
        for inputs, outputs in pairwise(widths):
            drawn = [torch.rand(outputs, inputs + 1, generator=stream) for stream in streams]
            layer = ((2 * torch.stack(drawn) - 1) / inputs**0.5).to(device)
            weights.append(layer[..., :-1].clone().requires_grad_())
            biases.append(layer[:, None, :, -1].clone().requires_grad_())
        return cls(weights, biases)

    def __call__(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (seeds, images, classes) for x (seeds, images, inputs), and the active units of each hidden layer."""
        active = []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = torch.baddbmm(bias, x, weight.mT)
            active.append(x > 0)
            x = x.relu()
        return torch.baddbmm(self.biases[-1], x, self.weights[-1].mT), active

    def train(self, x: Tensor, labels: Tensor, epochs: int, learning_rate: float, batches: MiniBatches, bar) -> None:
        """Adam on the mean cross-entropy of mini-batches.

        Parameters
        ----------
        x, labels
            Training images (seeds, images, inputs) and labels (seeds, images).
        epochs, learning_rate
            Passes over the images, and Adam's step.
        batches
            Mini-batches of every seed.
        bar
            Progress, one update an epoch.
        """
        members = torch.arange(len(x), device=x.device)[:, None]
        optimiser = torch.optim.Adam([*self.weights, *self.biases], lr=learning_rate, fused=True)
        for _ in range(epochs):
            for _ in range(batches.steps_per_epoch):
                batch = batches.next().to(x.device)
                logits, _ = self(x[members, batch])
                known = labels[members, batch]
                # The sum over seeds: every network sees the gradient of its own mean loss.
                loss = cross_entropy(logits.flatten(0, 1), known.flatten(), reduction="sum") / batch.shape[1]
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            bar.update(1)


def keep_strongest(currents: Tensor, kept: int) -> Tensor:
    """Zero all but the ``kept`` largest absolute values along the last dimension (ties are all kept)."""
    if kept >= currents.shape[-1]:
        return currents
    size = currents.abs()
    return currents.masked_fill(size < kth_largest(size, kept), 0)


def kth_largest(values: Tensor, k: int) -> Tensor:
    """The k-th largest along the last dimension, which is kept."""
    if values.device.type != "cpu":
        return values.kthvalue(values.shape[-1] - k + 1, dim=-1, keepdim=True).values
    # NumPy selects by vector instructions, in a ninth of the time.
    ordered = np.partition(values.numpy(), -k, axis=-1)
    return torch.from_numpy(ordered[..., -k, None])


@torch.no_grad()
def path_logits(weights: Sequence[Tensor], x: Tensor, active: Sequence[Tensor], kept: int) -> Tensor:
    """Logits carried by the ``kept`` strongest units of every layer for each pixel, of one network, without biases.

    Parameters
    ----------
    weights
        One matrix (outputs, inputs) a layer.
    x
        Images (images, inputs).
    active
        Active units (images, width) of each hidden layer.
    kept
        K; where no image has more active units in a layer, nothing is left out there.

    Returns
    -------
    Tensor
        Shape (images, classes).
    """
    currents = x[:, :, None] * weights[0].T * active[0][:, None, :]
    for weight, here, following in zip(weights[1:-1], active[:-1], active[1:], strict=True):
        currents = bmm(prune(currents, here, kept).flatten(0, 1)[None], weight.T[None]).view_as(currents)
        currents *= following[:, None, :]
    return (prune(currents, active[-1], kept) @ weights[-1].T).sum(1)


def prune(currents: Tensor, active: Tensor, kept: int) -> Tensor:
    """:func:`keep_strongest`, skipped where ``kept`` units are enough for all active ones."""
    return currents if kept >= active.sum(-1).max() else keep_strongest(currents, kept)


@torch.no_grad()
def pruned_accuracies(network: ReluClassifiers, x: Tensor, labels: Tensor, kept: Sequence[int], bar) -> Tensor:
    """Accuracy of each network with K paths a pixel, shape (seeds, len(kept)).

    What the biases contribute, the difference between the true logits and those of all paths, is added to every
    number of paths.
    """
    logits, active = network(x)
    accuracies = torch.empty(len(x), len(kept))
    for i in range(len(x)):
        weights, mine = [w[i] for w in network.weights], [a[i] for a in active]
        offset = logits[i] - path_logits(weights, x[i], mine, network.weights[0].shape[1])
        for j, number in enumerate(kept):
            accuracies[i, j] = accuracy(path_logits(weights, x[i], mine, number) + offset, labels[i])
            bar.update(1)
    return accuracies
