"""Digits as regression: an image is mapped to a distribution over the positions from label 0 to label 9.

The network has two linear layers without biases and a pointwise readout: f = φ_g(W₂ W₁ x), φ_g(z) = z + g z³.
Its target is a Gaussian peak at the digit's value. Several couplings g and realisations are trained side by
side, with gradients written out as matrix products.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..products import baddbmm_, bmm
from ..seeding import torch_stream
from .digits import CLASSES, MiniBatches
from .initialisation import glorot_uniform
from .params import Regression

CACHED = 2**21
"""Weights of the networks that make their steps together on a CPU: those of more would leave the caches in between."""

CLIP = 1e-7
"""Smallest probability in the Kullback-Leibler divergence: Keras's epsilon."""


def positions(bins: int) -> np.ndarray:
    """Labels 0 to 9 as ``bins`` equidistant positions."""
    return np.linspace(0.0, CLASSES - 1.0, bins)


def templates(bins: int, deviation: float, scale: str = "sum") -> np.ndarray:
    """The targets of the ten digits, shape (10, bins): Gaussian densities around the digit's value.

    Peaks at the edges are cut in half, so that with ``scale="sum"`` (each target sums to 1) those of the
    digits 0 and 9 are twice as high; with ``scale="peak"`` the largest value is 1. A deviation far below the
    distance of two positions gives a single position, the one-hot target.
    """
    exponent = -((positions(bins) - np.arange(CLASSES)[:, None]) ** 2) / (2 * deviation**2)
    peaks = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return peaks if scale == "peak" else peaks / peaks.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Objective:
    """What is minimised: ``per_output`` · mean over images of Σ (f - t)² + ``penalty`` · Σ w².

    Attributes
    ----------
    peaks
        Targets t of the ten digits, shape (10, bins).
    penalty
        λ of the L2 penalty.
    per_output
        Weight of the squared errors: 1 for their sum over the outputs, 1 / bins for their mean.
    """

    peaks: Tensor
    penalty: float
    per_output: float

    @classmethod
    def of(cls, params: Regression, device: torch.device | str = "cpu"):
        """The objective that a task's parameters describe."""
        peaks = templates(params.bins, params.target_deviation, params.target_scale)
        per_output = 1.0 if params.loss == "sum" else 1.0 / params.bins
        return cls(torch.tensor(peaks, dtype=torch.float32, device=device), params.penalty, per_output)


class CubicReadoutNetwork:
    """An ensemble of networks f = z + g z³, z = W₂ W₁ x, over seeds and couplings.

    Parameters
    ----------
    inputs, width, outputs
        Sizes of the layers.
    couplings
        Cubic couplings g.
    seeds
        Realisations of the initial weights; all couplings of a realisation begin with the same weights.
    device
        Where the weights live.

    Attributes
    ----------
    first, second
        Weights, shapes (seeds, couplings, width, inputs) and (seeds, couplings, outputs, width).
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        couplings: Sequence[float],
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ):
        streams = [torch_stream(seed, "regression", "weights") for seed in seeds]
        first = torch.stack([glorot_uniform(width, inputs, stream) for stream in streams])
        second = torch.stack([glorot_uniform(outputs, width, stream) for stream in streams])
        self.first = first[:, None].repeat(1, len(couplings), 1, 1).to(device)
        self.second = second[:, None].repeat(1, len(couplings), 1, 1).to(device)
        self.couplings = torch.tensor(couplings, dtype=torch.float32, device=device)[:, None, None]

    def blocks(self) -> "list[tuple[slice, CubicReadoutNetwork]]":
        """Parts of the ensemble that share its weights, each with its seeds: on a CPU as large as the caches hold."""
        seeds, couplings = self.first.shape[:2]
        weights = self.first[0, 0].numel() + self.second[0, 0].numel()
        together = max(1, CACHED // weights)
        if self.first.device.type != "cpu" or together >= seeds * couplings:
            return [(slice(0, seeds), self)]
        ranges = [slice(start, start + together) for start in range(0, couplings, together)]
        return [(slice(seed, seed + 1), self._part(seed, chosen)) for seed in range(seeds) for chosen in ranges]

    def _part(self, seed: int, couplings: slice) -> "CubicReadoutNetwork":
        part = copy(self)
        part.first, part.second = (weights[seed : seed + 1, couplings] for weights in (self.first, self.second))
        part.couplings = self.couplings[couplings]
        return part

    def readout(self, z: Tensor) -> Tensor:
        """φ_g(z) for z of shape (seeds, couplings, outputs, images)."""
        return z + self.couplings * z**3

    def hidden(self, x: Tensor) -> Tensor:
        """W₁ x for x of shape (seeds, images, inputs), as (seeds, couplings, width, images)."""
        seeds, couplings, width, inputs = self.first.shape
        return bmm(self.first.view(seeds, couplings * width, inputs), x.mT).view(seeds, couplings, width, -1)

    def linear_outputs(self, hidden: Tensor) -> Tensor:
        """z = W₂ h for hidden units h of shape (seeds, couplings, width, images)."""
        return bmm(self.second.flatten(0, 1), hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (seeds, couplings, outputs, images) for images (seeds, images, inputs)."""
        return self.readout(self.linear_outputs(self.hidden(x)))

    def penalty(self, strength: float) -> Tensor:
        """L2 penalty λ (Σ W₁² + Σ W₂²), shape (seeds, couplings)."""
        lengths = (torch.linalg.vector_norm(weights, dim=-1).double() for weights in (self.first, self.second))
        first, second = (rows.square().sum(-1) for rows in lengths)
        return strength * (first + second)

    def descend(
        self, x: Tensor, targets: Tensor, learning_rate: float, penalty: float, per_output: float = 1.0
    ) -> None:
        """One step of gradient descent on ``per_output`` · mean over images of Σ (f - t)² + λ Σ w².

        Parameters
        ----------
        x
            Images, shape (seeds, images, inputs).
        targets
            Shape (seeds, outputs, images).
        learning_rate, penalty
            Step, and λ.
        per_output
            Weight of the squared errors: 1 for their sum over the outputs, 1 / outputs for their mean.
        """
        hidden = self.hidden(x)
        z = self.linear_outputs(hidden)
        slope = 1 + 3 * self.couplings * z**2
        step = self.readout(z).sub_(targets[:, None]).mul_(slope).mul_(-2 * learning_rate * per_output / x.shape[1])
        step_hidden = bmm(self.second.mT.flatten(0, 1), step.flatten(0, 1))
        shrink = 1 - 2 * learning_rate * penalty
        baddbmm_(self.second.flatten(0, 1), step.flatten(0, 1), hidden.flatten(0, 1).mT, beta=shrink)
        seeds, couplings, width, inputs = self.first.shape
        baddbmm_(self.first.view(seeds, -1, inputs), step_hidden.view(seeds, couplings * width, -1), x, beta=shrink)


def train(
    network: CubicReadoutNetwork,
    objective: Objective,
    x: Tensor,
    labels: Tensor,
    batches: MiniBatches,
    stops: Iterable[int],
    rate: float,
    warm_up: int,
    made: int = 0,
) -> Iterator[int]:
    """Gradient descent on mini-batches, which halts at certain steps so that the networks can be measured.

    Parameters
    ----------
    x, labels
        Training images (images, inputs) and labels (images,).
    stops
        Numbers of steps, rising; the first may be 0.
    rate, warm_up
        Learning rate, and the number of first steps during which it rises linearly.
    made
        Steps that were made before.

    Yields
    ------
    int
        The steps made so far: each of ``stops``.
    """
    for stop in stops:
        shown = [batches.next().to(x.device) for _ in range(made, stop)]
        for seeds, block in network.blocks():
            for i, batch in enumerate((batch[seeds] for batch in shown), start=made):
                targets = objective.peaks[labels[batch]].mT
                now = rate * min(1.0, (i + 1) / (warm_up + 1))
                block.descend(x[batch], targets, now, objective.penalty, objective.per_output)
        made = stop
        yield stop


def kullback_leibler(targets: Tensor, outputs: Tensor) -> Tensor:
    """Keras's Kullback-Leibler "divergence" Σ t ln(t / f), both clipped to [1e-7, 1], summed over dimension -2.

    The outputs are not normalised, so that it may be negative; it is kept as the reference defines it.
    """
    t, f = targets.clamp(CLIP, 1), outputs.clamp(CLIP, 1)
    return torch.xlogy(t, t).sum(-2) - (t * f.log()).sum(-2)


def scores(outputs: Tensor, labels: Tensor, peaks: Tensor) -> dict[str, Tensor]:
    """What each network makes of each image: squared error, divergence and three ways to read a label.

    Parameters
    ----------
    outputs
        Shape (..., bins, images).
    labels
        True labels, shape (images,).
    peaks
        Targets of the ten digits, shape (10, bins).

    Returns
    -------
    dict
        Arrays of shape (..., images): ``squared_error`` (summed over the outputs), ``divergence``
        (:func:`kullback_leibler`), ``accuracy`` (1 where the highest output is the target's highest, as Keras
        counts), ``accuracy_peak`` (the label nearest to the highest output is the true one) and
        ``accuracy_template`` (the target nearest in mean square is the true one).
    """
    targets = peaks[labels].T
    bins = peaks.shape[1]
    highest = outputs.argmax(-2)
    peak_label = (highest * (CLASSES - 1) / (bins - 1)).round()
    overlap = peaks @ outputs - peaks.square().sum(1)[:, None] / 2
    return {
        "squared_error": (outputs - targets).square().sum(-2),
        "divergence": kullback_leibler(targets, outputs),
        "accuracy": (highest == targets.argmax(0)).float(),
        "accuracy_peak": (peak_label == labels).float(),
        "accuracy_template": (overlap.argmax(-2) == labels).float(),
    }


def mean_scores(
    network: CubicReadoutNetwork, objective: Objective, x: Tensor, labels: Tensor, chunk: int = 500
) -> dict[str, np.ndarray]:
    """:func:`scores` averaged over images ``x`` (images, inputs), ``penalty`` and ``loss``: (seeds, couplings) each."""
    totals: dict[str, Tensor] = {}
    for part, known in zip(x.split(chunk), labels.split(chunk), strict=True):
        outputs = network(part.expand(len(network.first), -1, -1))
        for name, value in scores(outputs, known, objective.peaks).items():
            totals[name] = totals.get(name, 0) + value.double().sum(-1)
    measured = {name: (total / len(x)).cpu().numpy() for name, total in totals.items()}
    measured["penalty"] = network.penalty(objective.penalty).cpu().numpy()
    measured["loss"] = objective.per_output * measured["squared_error"] + measured["penalty"]
    return measured


def mean_output_by_label(network: CubicReadoutNetwork, x: Tensor, labels: Tensor, chunk: int = 500) -> Tensor:
    """Mean output over the images of each label, shape (seeds, couplings, 10, bins); zero without images."""
    members = torch.nn.functional.one_hot(labels, CLASSES).float()
    total = 0
    for part, member in zip(x.split(chunk), members.split(chunk), strict=True):
        total = total + (network(part.expand(len(network.first), -1, -1)) @ member).mT
    return total / members.sum(0).clamp(min=1)[:, None]


def one_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of ``count`` images: the first of every digit in the order of the digits, then the second, ..."""
    occurrence = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        mine = labels == label
        occurrence[mine] = np.arange(mine.sum())
    return np.lexsort((labels, occurrence))[:count]
