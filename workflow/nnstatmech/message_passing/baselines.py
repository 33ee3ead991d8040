"""Gradient baselines: networks with binary weights and the straight-through estimator.

Courbariaux, Hubara, Soudry, El-Yaniv, Bengio, *Binarized neural networks*, arXiv 1602.02830: latent weights w in
[−1, 1], forward pass with sign(w), the sign activation's derivative replaced by 1[|z| ≤ 1]; without biases and batch
normalisation, with z = sign(w) x/√N so that the window has the scale of z.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..products import bmm
from ..seeding import torch_stream
from . import observables
from .checks import check_batch

ADAM_BETAS = (0.9, 0.999)
ADAM_FLOOR = 1e-8


def signs(x: Tensor) -> Tensor:
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


class BinaryNet:
    """A multi-layer perceptron with binary weights that descends the gradient of its latent weights.

    The loss is log(1 + e^{−yz}) for labels ±1 and the cross-entropy for classes, averaged over the batch.

    Parameters
    ----------
    widths
        [N_0, ..., N_{L+1}]; more than one output unit means classes.
    seeds
        One a replica.
    learning_rate
        A number, or one a replica.
    optimiser
        ``sgd`` or ``adam``.
    density
        Every weight exists with this probability.
    freeze_top
        Fix the top weights at 1.
    metaplasticity
        m of Laborieux, Ernoult, Hirtzlin, Querlioz 2021: a step that brings a latent weight w closer to 0 is multiplied
        by 1 − tanh²(mw), so that weights that have been pushed often the same way are kept. 0 is off.

    Attributes
    ----------
    latent
        w of every layer, (R, K, N).
    """

    def __init__(
        self,
        widths: Sequence[int],
        seeds: Sequence[int],
        *,
        learning_rate: float | Sequence[float] = 10.0,
        optimiser: str = "sgd",
        density: float = 1.0,
        freeze_top: bool = False,
        metaplasticity: float = 0.0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        self.latent, self._masks = [], []
        for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
            bound = (6 / (fan_in + fan_out)) ** 0.5
            draws = [
                torch.rand(fan_out, fan_in, generator=torch_stream(seed, "latent weights", index)) for seed in seeds
            ]
            self.latent.append(((2 * torch.stack(draws) - 1) * bound).to(device, dtype))
            masks = [
                torch.rand(fan_out, fan_in, generator=torch_stream(seed, "mask", index), dtype=torch.float64) < density
                for seed in seeds
            ]
            self._masks.append(torch.stack(masks).to(device, dtype) if density < 1 else None)
        self.freeze_top, self.metaplasticity = freeze_top, metaplasticity
        if freeze_top:
            self.latent[-1].fill_(1.0)
        self._rate = torch.as_tensor(learning_rate, dtype=dtype, device=device).expand(len(seeds)).reshape(-1, 1, 1)
        self._adam = optimiser == "adam"
        if self._adam:
            self._moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in self.latent]
            self._decay = torch.ones(2, dtype=torch.float64, device=device)
            self._betas = torch.tensor(ADAM_BETAS, dtype=torch.float64, device=device)

    def decisions(self) -> list[Tensor]:
        """The binary weights sign(w) of every layer, 0 where masked."""
        return [signs(w) if mask is None else signs(w) * mask for w, mask in zip(self.latent, self._masks, strict=True)]

    def state(self) -> list[Tensor]:
        """Every tensor that lasts from one batch to the next; all are updated in place."""
        moments = [m for pair in self._moments for m in pair] + [self._decay] if self._adam else []
        return [*self.latent, *moments]

    def kernel_plan(self) -> None:
        """There is one way to compute a step."""

    def after_batch(self, batch: int) -> None:
        """Nothing is to be chosen between mini-batches."""

    def predictors(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Output preactivations of inputs (R, M, N_0): those of the binary weights, without prefix."""
        decisions = self.decisions()
        return {"": lambda inputs: observables.pointwise_outputs(decisions, inputs)}

    def observe(self) -> Iterator[tuple[str, int, list[float]]]:
        """The state of the weights: quantity, layer, one value a replica."""
        return observables.sign_overlaps(self.decisions(), self._masks)

    def diverged(self) -> tuple[list[bool], list[bool]]:
        """Latent weights stay in [−1, 1]: no replica has diverged, and none is lost."""
        none = [False] * len(self.latent[0])
        return none, none

    def train_batch(self, inputs: Tensor, labels: Tensor) -> None:
        """One step of descent on inputs (R, M, N_0) and labels (R, M).

        Raises
        ------
        ValueError
            If an input is not finite, or a label is not one that the network has.
        """
        check_batch(inputs, labels, self.latent[-1].shape[1])
        self.learn_batch(inputs, labels)

    def learn_batch(self, inputs: Tensor, labels: Tensor) -> None:
        """:meth:`train_batch` for images that have been checked before."""
        binary = self.decisions()
        activations, preactivations = [inputs], []
        for index, weights in enumerate(binary):
            z = bmm(activations[-1], weights.mT).mul_(weights.shape[-1] ** -0.5)
            preactivations.append(z)
            if index < len(binary) - 1:
                activations.append(signs(z))
        delta = self._loss_gradient(preactivations[-1], labels)
        if self._adam:
            self._decay *= self._betas
        for index in range(len(binary) - 1, -1, -1):
            weights = binary[index]
            delta = delta * weights.shape[-1] ** -0.5
            below = None
            if index:
                below = bmm(delta, weights) * (preactivations[index - 1].abs() <= 1)
            if not (self.freeze_top and index == len(binary) - 1):
                self._descend(index, bmm(delta.mT, activations[index]))
            delta = below

    def _loss_gradient(self, z: Tensor, labels: Tensor) -> Tensor:
        samples = z.shape[1]
        if z.shape[-1] == 1:
            y = labels.unsqueeze(-1)
            return -y * torch.sigmoid(-y * z) / samples
        gradient = torch.softmax(z, dim=-1)
        return gradient.scatter_add(-1, labels.unsqueeze(-1), -torch.ones_like(z[..., :1])) / samples

    def _descend(self, index: int, gradient: Tensor) -> None:
        if self._masks[index] is not None:
            gradient *= self._masks[index]
        if self._adam:
            first, second = self._moments[index]
            first.lerp_(gradient, 1 - ADAM_BETAS[0])
            second.lerp_(gradient.square(), 1 - ADAM_BETAS[1])
            corrections = (1 - self._decay).to(gradient.dtype)
            gradient = (first / corrections[0]) / ((second / corrections[1]).sqrt_().add_(ADAM_FLOOR))
        latent = self.latent[index]
        if self.metaplasticity:
            weakens = gradient * latent > 0
            gradient = torch.where(weakens, gradient * (1 - torch.tanh(self.metaplasticity * latent) ** 2), gradient)
        latent.addcmul_(gradient, self._rate, value=-1).clamp_(-1, 1)
