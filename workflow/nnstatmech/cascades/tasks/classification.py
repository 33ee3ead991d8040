"""Task ``classification``: which convolutional networks train, for many initial σ_w² at once."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ...datasets import Dataset
from ...storage.checkpoints import Checkpoint, no_checkpoint
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..hyperbolic import tanh
from ..images import labelled_part, minibatches, require_labels
from ..networks import Layer, LayerParameters, cnn_body, forward, initial_network, pooled_head, resnet_body
from ..params import Classification
from ..precision import full_precision
from ..training import Descent, accuracy, chance, train_on, trainable
from .entropies import without_nan

EVALUATED_AT_ONCE = 256  # test images
LOSS_SHARE = 4  # the training loss is that of the last quarter of the minibatches
CLASSES = 10


def classifier(params: Classification) -> list[Layer]:
    """Body and head of the classifier."""
    body = {"cnn": cnn_body, "resnet": resnet_body}[params.architecture](
        params.resolution, params.depth - 2, params.channels
    )
    return [*body, *pooled_head(body, CLASSES, readout=tanh if params.tanh_output else torch.clone)]


def run(
    params: Classification,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> pa.Table:
    """What training reaches, one row per seed, σ_w² and quantity.

    ``accuracy`` on the test images after the last step; that of guessing for a network that has diverged. ``loss``, the
    mean cross-entropy of the last quarter of the minibatches, each before its step; null if the network diverged.

    Networks of one seed share the normal numbers behind their weights and the order of their minibatches. All are
    trained by one stochastic gradient descent on the sum of their losses. ``checkpoint`` keeps where it stands.

    Raises
    ------
    ValueError
        If there are no labelled images.
    """
    train_images, train_labels = square_images(params, dataset, "train", params.train_images, device)
    test, test_labels = square_images(params, dataset, "test", params.test_images, device)
    members = [(seed, variance) for seed in seeds for variance in params.weight_variances]
    owners, variances = zip(*members, strict=True)
    layers = classifier(params)
    parameters = initial_network(layers, variances, params.bias_variance, owners, device)
    batches = {
        seed: minibatches(seed, "classification", len(train_images), params.batch_size, params.steps) for seed in seeds
    }
    shown = torch.stack([batches[seed] for seed in owners], 1).to(device)
    with progress(total=params.steps, desc=f"{params.architecture} classifiers") as bar, full_precision():
        losses = descend(
            params, layers, parameters, train_images, train_labels, shown, lambda: bar.update(1), checkpoint
        )
        found = accuracy(lambda x: forward(layers, parameters, x[None]), test, test_labels, EVALUATED_AT_ONCE)
    guessed = chance(torch.as_tensor(require_labels(dataset).train_labels))
    finite = found.isfinite() & losses.isfinite()
    values = torch.stack([found.nan_to_num(nan=guessed), torch.where(finite, losses, torch.nan)])
    return without_nan(
        tidy(
            params.columns,
            seed=np.array(owners),
            weight_variance=np.array(variances),
            step=params.steps,
            quantity=np.array(["accuracy", "loss"])[:, None],
            value=values.cpu().numpy(),
        )
    )


def square_images(
    params: Classification, dataset: Dataset | None, part: str, at_most: int, device
) -> tuple[Tensor, Tensor]:
    """Images (M, height, width, 1) and their labels (M,)."""
    pixels, labels = labelled_part(dataset, part, at_most, params.resolution, device)
    return pixels.unflatten(1, (params.resolution, params.resolution, 1)), labels


def descend(
    params: Classification,
    layers: Sequence[Layer],
    parameters: Sequence[LayerParameters],
    images: Tensor,
    labels: Tensor,
    shown: Tensor,
    after_step: Callable[[], object],
    checkpoint: Checkpoint = no_checkpoint,
) -> Tensor:
    """Train all networks in place; ``shown`` (steps, E, batch) says which images each of them sees.

    Returns
    -------
    Tensor
        Mean cross-entropy of each network over the last minibatches, (E,), float64; not finite if it diverged there.
    """

    def gradients(batch: Tensor) -> Tensor:
        logits = forward(layers, parameters, images[batch])
        each = cross_entropy(logits.flatten(0, 1), labels[batch].flatten(), reduction="none")
        losses = each.unflatten(0, batch.shape).mean(1)
        losses.sum().backward()
        return losses.detach()

    with trainable(parameters) as tensors:
        optimiser = torch.optim.SGD(tensors, lr=params.learning_rate, momentum=params.momentum)
        losses = train_on(Descent(optimiser, gradients), [(batch,) for batch in shown], after_step, checkpoint)
    return torch.stack(losses[-max(1, len(losses) // LOSS_SHARE) :]).double().mean(0)
