"""Which convolutional networks train: test accuracies after some steps, for many initial σ_w² at once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY, tidy
from ..decoders import full_precision
from ..images import grey_inputs, minibatches, subset
from ..networks import Layer, LayerParameters, cnn_body, initial_parameters, pooled_head, resnet_body
from ..params import Classification as Params

columns = pa.schema(
    {
        "seed": pa.int32(),
        "weight_variance": pa.float64(),
        "step": pa.int32(),
        "quantity": CATEGORY,
        "value": pa.float64(),
    }
)

EVALUATION_CHUNK = 256  # test images at once


def network(params: Params) -> list[Layer]:
    """Body and head of the classifier."""
    body = {"cnn": cnn_body, "resnet": resnet_body}[params.architecture](
        params.resolution, params.depth - 2, params.channels
    )
    return [*body, *pooled_head(body, readout=torch.tanh if params.tanh_output else torch.clone)]


def run(
    params: Params,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """The quantity ``accuracy`` on the test images after the last step, one row per seed and σ_w².

    Networks of one seed share the normal numbers behind their weights and the order of their minibatches. All are
    trained by one stochastic gradient descent on the sum of their losses.

    Raises
    ------
    ValueError
        If there are no labelled images.
    """
    if dataset is None or dataset.train_labels is None or dataset.test_labels is None:
        raise ValueError("classification needs a dataset with labels")
    train, train_labels = labelled(dataset, "train", params.train_images, params.resolution, device)
    test, test_labels = labelled(dataset, "test", params.test_images, params.resolution, device)
    members = [(seed, variance) for seed in seeds for variance in params.weight_variances]
    owners, variances = zip(*members, strict=True)
    layers = network(params)
    parameters = [
        initial_parameters(layer, position, variances, params.bias_variance, owners, device)
        for position, layer in enumerate(layers)
    ]
    batches = {
        seed: minibatches(seed, "classification", train.shape[1], params.batch_size, params.steps) for seed in seeds
    }
    shown = torch.stack([batches[seed] for seed in owners], 1).to(device)
    with progress(total=params.steps, desc=f"{params.architecture} classifiers") as bar, full_precision():
        descend(params, layers, parameters, train[0], train_labels, shown, bar)
        accuracies = accuracy(layers, parameters, test, test_labels)
    return tidy(
        columns,
        seed=np.array(owners),
        weight_variance=np.array(variances),
        step=params.steps,
        quantity="accuracy",
        value=accuracies.cpu().numpy(),
    )


def labelled(dataset: Dataset, name: str, at_most: int, resolution: int, device) -> tuple[Tensor, Tensor]:
    """Images (1, M, height, width, 1) and their labels (M,)."""
    source, labels = getattr(dataset, f"{name}_images"), getattr(dataset, f"{name}_labels")
    chosen = subset(len(source), at_most, name)
    pixels = grey_inputs(source[chosen], resolution, device).unflatten(1, (resolution, resolution, 1))
    return pixels.unsqueeze(0), torch.as_tensor(labels[chosen], device=device)


def outputs(layers: Sequence[Layer], parameters: Sequence[LayerParameters], x: Tensor) -> Tensor:
    """Outputs (E, images, classes)."""
    for layer, own in zip(layers, parameters, strict=True):
        x = layer(own, x.expand(len(own[0][0]), *x.shape[1:]))
    return x


def descend(params: Params, layers, parameters, images: Tensor, labels: Tensor, shown: Tensor, bar) -> None:
    """Train all networks in place; ``shown`` (steps, E, batch) says which images each of them sees."""
    tensors = [tensor for layer in parameters for pair in layer for tensor in pair]
    trained = [tensor.requires_grad_() for tensor in tensors if tensor is not None]
    optimiser = torch.optim.SGD(trained, lr=params.learning_rate, momentum=params.momentum)
    for batch in shown:
        logits = outputs(layers, parameters, images[batch])
        loss = cross_entropy(logits.flatten(0, 1), labels[batch].flatten(), reduction="sum") / batch.shape[1]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        bar.update(1)


@torch.no_grad()
def accuracy(layers, parameters, images: Tensor, labels: Tensor) -> Tensor:
    """Share of the images that each network classifies as labelled, (E,), float64."""
    hits = 0
    for chunk, right in zip(images.split(EVALUATION_CHUNK, 1), labels.split(EVALUATION_CHUNK), strict=True):
        hits = hits + (outputs(layers, parameters, chunk).argmax(2) == right).sum(1)
    return hits.double() / len(labels)
