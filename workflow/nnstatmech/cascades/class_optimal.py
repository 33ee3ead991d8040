"""A tanh classifier trained to outputs of ±1, and the images its decoders make of outputs that no image gave.

The targets are +1 for the class and -1 for the others, with a squared error: the artificial output that stands for a
class is then one that the trained network's outputs come close to, and the decoders have seen its like.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from .networks import Dense, LayerParameters, forward
from .training import Descent, backward, train, trainable


def class_outputs(classes: int, background: float, device: torch.device | str = "cpu") -> Tensor:
    """One output per class, shape (1, classes, classes): +1 for the class, ``background`` for the others."""
    off_diagonal = torch.full((classes, classes), background, device=device)
    return off_diagonal.fill_diagonal_(1.0).unsqueeze(0)


def train_to_signs(
    layers: Sequence[Dense],
    parameters: Sequence[LayerParameters],
    images: Tensor,
    labels: Tensor,
    batches: Iterable[Tensor],
    learning_rate: float,
    after_step: Callable[[], object] = lambda: None,
) -> None:
    """Train E networks in place with Adam on the mean squared error to outputs of ±1.

    Parameters
    ----------
    images, labels
        Shapes (n, pixels) and (n,).
    batches
        Positions (E, batch) in ``images``: each network has its own minibatches.
    after_step
        Called once a step, for a progress bar.
    """
    targets = class_outputs(layers[-1].outputs, -1.0, images.device)[0]

    def loss(batch: Tensor) -> Tensor:
        error = forward(layers, parameters, images[batch]) - targets[labels[batch]]
        # The mean over images and classes is taken for each network and summed.
        return error.square().sum() / error[0].numel()

    with trainable(parameters) as tensors:
        optimiser = torch.optim.Adam(tensors, lr=learning_rate, fused=True)
        train(Descent(optimiser, backward(loss)), ((batch,) for batch in batches), after_step)
