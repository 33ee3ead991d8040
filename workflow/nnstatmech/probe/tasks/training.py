"""Probes of a network before, during and after its training: the engine's entry."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ..batch_norm import batch_norms, is_initial
from ..checks import ProbeError
from ..inputs import normalised
from ..params import Training
from ..probe import built, probe_model
from ..sources import builder
from .initialisation import as_table, images_of, options


def run(
    params: Training,
    seeds: Sequence[int],
    dataset: Dataset,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Signal, noise, gradients and reconstructions along networks in the course of their training.

    Parameters
    ----------
    params
        The network, its training, the images and what is measured.
    seeds
        Realisations: a seed fixes the images, the network, the order of its training images and its noise.
    dataset
        Labelled images.
    device
        Where the network is trained and probed.
    progress
        Called like ``tqdm``: counts minibatches.

    Returns
    -------
    pyarrow.Table
        One row per seed, step, block and quantity, see :func:`nnstatmech.probe.probe.probe_model`; ``accuracy`` and
        ``loss`` on test images stand at block 0.

    Raises
    ------
    ProbeError
        If the network cannot be probed.
    """
    build = builder(params.model, params.arguments)
    parts = []
    with progress(total=len(seeds) * params.steps[-1], desc=params.model) as bar:
        for seed in sorted(seeds):
            network, states, judged = trained(params, dataset, build, seed, device, bar.update)
            found = probe_model(
                network, images_of(dataset, params, seed), states=states, seeds=[seed], device=device, **options(params)
            )
            parts.append(found.rename(columns={"state": "step"}))
            first = found[found["block"] == 0].iloc[0]
            rows = [
                first.to_dict() | {"step": step, "quantity": quantity, "value": value}
                for step, measures in judged.items()
                for quantity, value in measures.items()
            ]
            parts.append(pd.DataFrame(rows))
    return as_table(parts, params)


def trained(
    params: Training, dataset: Dataset, build: Any, seed: int, device: torch.device, after_step: Any
) -> tuple[nn.Module, dict[int, dict], dict[int, dict[str, float]]]:
    """Train a network; its states and what it does on test images at the steps that are asked for."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network = built(build, seed).to(device).train()
    if dataset.train_labels is None or dataset.test_labels is None:
        raise ProbeError(f"{dataset.description} has no labels to train on")
    images, labels = normalised(dataset.train_images).float(), torch.from_numpy(dataset.train_labels)
    test = normalised(dataset.test_images[: params.test_images]).float()
    wanted = torch.from_numpy(dataset.test_labels[: params.test_images])
    optimiser = torch.optim.SGD(network.parameters(), params.learning_rate, params.momentum)
    stream = torch_stream(seed, "probe", "minibatches")
    states, judged = {}, {}
    for step in range(params.steps[-1] + 1):
        if step in params.steps:
            states[step] = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
            judged[step] = judge(network, test, wanted, device)
        if step == params.steps[-1]:
            break
        chosen = torch.randint(len(images), (params.batch_size,), generator=stream)
        optimiser.zero_grad()
        F.cross_entropy(network(images[chosen].to(device)), labels[chosen].to(device)).backward()
        optimiser.step()
        after_step(1)
    return network, states, judged


@torch.no_grad()
def judge(network: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> dict[str, float]:
    """Accuracy and loss (nats) in evaluation mode; with the batch's statistics as long as running ones are initial."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.eval()
    if is_initial(network):
        for layer in batch_norms(network):
            layer.train()
    outputs = torch.cat([network(part.to(device)) for part in images.split(256)]).cpu()
    network.load_state_dict(state)
    network.train()
    return {
        "accuracy": float((outputs.argmax(1) == labels).double().mean()),
        "loss": float(F.cross_entropy(outputs, labels)),
    }
