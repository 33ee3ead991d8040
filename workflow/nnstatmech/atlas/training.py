"""Networks of one architecture trained side by side by stochastic gradient descent with momentum."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap


class Ensemble:
    """Members of one architecture, each with weights and a learning rate of its own, on the same minibatches.

    Parameters
    ----------
    models
        Networks of one architecture, without buffers; they stay as they are.
    rates
        Learning rate of each member.
    momentum
        μ of all.
    at_once
        How many members a step handles together; all by default. Fewer pay where the activations of all of them do not
        stay in the processor's cache.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        rates: Sequence[float],
        momentum: float,
        device: torch.device,
        at_once: int | None = None,
    ):
        weights, buffers = stack_module_state(list(models))
        if buffers:
            raise ValueError(f"buffers {', '.join(buffers)}: members of an ensemble have none")
        self.skeleton = models[0]
        self.weights = {name: weight.detach().to(device).clone() for name, weight in weights.items()}
        self.velocities = {name: torch.zeros_like(weight) for name, weight in self.weights.items()}
        self.rates = torch.tensor(rates, dtype=torch.float32, device=device)
        self.momentum = momentum
        self.gradients = vmap(grad_and_value(self.loss), in_dims=(0, None, None), chunk_size=at_once)

    def loss(self, weights: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(self.skeleton, weights, (images,)), labels)

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One update of all members; their losses before it, (members,)."""
        gradients, losses = self.gradients(self.weights, images, labels)
        for name, weight in self.weights.items():
            velocity = self.velocities[name].mul_(self.momentum).add_(gradients[name])
            weight.sub_(self.rates.view(-1, *[1] * (weight.dim() - 1)) * velocity)
        return losses.detach()

    def accuracies(self, images: Tensor, labels: Tensor, at_once: int = 250) -> Tensor:
        """Share of images that each member classifies correctly, (members,); NaN where outputs are not finite."""
        outputs = vmap(lambda weights, part: functional_call(self.skeleton, weights, (part,)), in_dims=(0, None))
        with torch.no_grad():
            found = torch.cat([outputs(self.weights, part) for part in images.split(at_once)], 1)
        hits = (found.argmax(-1) == labels).double().mean(1)
        return torch.where(found.isfinite().flatten(1).all(1), hits, torch.nan)

    def keep(self, members: Tensor) -> None:
        """Go on with some members only."""
        self.weights = {name: weight[members] for name, weight in self.weights.items()}
        self.velocities = {name: velocity[members] for name, velocity in self.velocities.items()}
        self.rates = self.rates[members]
