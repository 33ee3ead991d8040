"""Task ``committee``: committees of binary weights learn random-feature data, for several numbers of features.

Every learner ends with binary weights W (units K, features N) and the output sign Σ_k sign(W_k·x). Quantities, one
value per realisation and number of features:

``train_error``, ``test_error``
    In %.
``equal_weights``
    Mean over pairs of units of the fraction of weights that are equal: ½ for independent units, 1 for copies.
``epochs``
    Passes over the patterns (sweeps, for focusing_bp) that were needed or allowed.
``unit_overlaps``
    W Wᵀ/N in the column ``matrix``, row by row, for the sizes that ``matrix_features`` names.
"""

from collections.abc import Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets.dataset import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import sbpi
from ..baselines import BinaryNet
from ..learning import Learner, LearningSettings
from ..network import build_network
from ..params import Committee
from ..preprocessing import random_orders
from ..random_features import RandomFeatures, random_features

SERIES_ORDER = 3


def run(
    params: Committee,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Learn every number of features, all realisations side by side, and measure the final weights."""
    learn = {
        "online_bp": learn_online,
        "focusing_bp": learn_focusing,
        "binarynet": learn_binarynet,
        "sbpi": learn_sbpi,
    }[params.algorithm]
    tables = []
    with progress(total=len(params.features), desc=params.algorithm, unit="size") as bar:
        for features in params.features:
            data = random_features(seeds, params.latent_dimension, features, params.samples, 2 * params.samples, device)
            weights, epochs = learn(params, data, seeds)
            tables += measure_committees(data, weights, epochs, seeds, features in params.matrix_features)
            bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def measure_committees(
    data: RandomFeatures, weights: Tensor, epochs: Tensor, seeds: Sequence[int], keep_matrix: bool
) -> list[pa.Table]:
    units, features = weights.shape[1:]
    overlaps = weights @ weights.transpose(1, 2) / features
    off_diagonal = (overlaps.sum((1, 2)) - units) / (units * (units - 1))
    quantities = {
        "train_error": 100 * error(weights, data.train_inputs, data.train_labels),
        "test_error": 100 * error(weights, data.test_inputs, data.test_labels),
        "equal_weights": (1 + off_diagonal) / 2,
        "epochs": epochs.double(),
    }
    tables = [
        tidy(
            Committee.columns,
            seed=list(seeds),
            features=features,
            quantity=quantity,
            value=values.double().cpu().numpy(),
        )
        for quantity, values in quantities.items()
    ]
    if keep_matrix:
        matrices = overlaps.flatten(1).cpu().numpy()
        tables.append(
            tidy(Committee.columns, seed=list(seeds), features=features, quantity="unit_overlaps", matrix=matrices)
        )
    return tables


def error(weights: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    """Fraction (realisations,) of patterns that the committee gets wrong."""
    return (sbpi.committee_output(weights, inputs) != labels).double().mean(1)


def shuffled_batches(data: RandomFeatures, size: int, generators: Sequence[torch.Generator]):
    """All full mini-batches of one epoch, in a new order for each realisation: inputs (R, M, N), labels (R, M)."""
    inputs, labels = data.train_inputs, data.train_labels
    count = inputs.shape[1]
    order = random_orders(count, generators).to(inputs.device)
    realisations = torch.arange(len(inputs), device=inputs.device)[:, None]
    for batch in order[:, : count // size * size].split(size, dim=1):
        yield inputs[realisations, batch], labels[realisations, batch]


def constant(epochs: int, data: RandomFeatures) -> Tensor:
    return torch.full((len(data.train_inputs),), epochs)


def learn_online(params: Committee, data: RandomFeatures, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """BPI, one pattern at a time, the posterior as the next prior. One sweep: the same as BP."""
    network = build_network(
        [data.train_inputs.shape[2], params.hidden_units, 1],
        "bpi",
        seeds,
        epsilon=params.epsilon,
        freeze_top=True,
        series_order=SERIES_ORDER,
        device=data.train_inputs.device,
    )
    learner = Learner(network, LearningSettings(rho=params.rho, damping=params.psi))
    shuffles = [torch_stream(seed, "committee: order") for seed in seeds]
    for _ in range(params.epochs):
        for number, (inputs, labels) in enumerate(shuffled_batches(data, 1, shuffles)):
            learner.learn_batch(inputs, labels)
            learner.after_batch(number)
    return decided(network.layers[0].weights.mean), constant(params.epochs, data)


def learn_focusing(params: Committee, data: RandomFeatures, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Focusing BP on all patterns at once, the coupling growing by the same factor each sweep."""
    network = build_network(
        [data.train_inputs.shape[2], params.hidden_units, 1],
        "bp",
        seeds,
        epsilon=params.epsilon,
        freeze_top=True,
        device=data.train_inputs.device,
    )
    first, last = params.coupling
    settings = LearningSettings(
        rho=0.0,
        damping=params.psi,
        reinforcement=first,
        reinforcement_step=(last / first) ** (1 / params.epochs) - 1,
        focusing=params.focusing,
        max_sweeps=params.epochs,
    )
    Learner(network, settings).train_batch(data.train_inputs, data.train_labels)
    return decided(network.layers[0].weights.mean), constant(params.epochs, data)


def learn_binarynet(params: Committee, data: RandomFeatures, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Stochastic gradient descent with the straight-through estimator."""
    network = BinaryNet(
        [data.train_inputs.shape[2], params.hidden_units, 1],
        seeds,
        learning_rate=params.learning_rate,
        freeze_top=True,
        device=data.train_inputs.device,
    )
    shuffles = [torch_stream(seed, "committee: order") for seed in seeds]
    for _ in range(params.epochs):
        for inputs, labels in shuffled_batches(data, params.batch_size, shuffles):
            network.learn_batch(inputs, labels)
    return network.decisions()[0], constant(params.epochs, data)


def learn_sbpi(params: Committee, data: RandomFeatures, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """LAL-SBPI until no pattern is wrong."""
    streams = [torch_stream(seed, "committee: sbpi") for seed in seeds]
    committee = sbpi.learn(
        data.train_inputs,
        data.train_labels,
        params.hidden_units,
        params.epochs,
        streams,
        params.margin,
        params.probability,
    )
    return committee.weights, committee.epochs


def decided(mean: Tensor) -> Tensor:
    """The weights sign(m), an undecided one as +1."""
    return torch.where(mean >= 0, 1.0, -1.0)
