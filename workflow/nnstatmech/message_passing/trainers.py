"""Networks that learn side by side, by message passing or by gradient descent, behind one interface."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .baselines import BinaryNet
from .learning import Learner, LearningSettings
from .network import build_network
from .params import Case, Training
from .preprocessing import Samples, training_rows


class Trainer(Protocol):
    """What the epochs need of a learner. R replicas are trained together."""

    def learn_batch(self, inputs: Tensor, labels: Tensor) -> None:
        """Learn from one mini-batch that has been checked before: inputs (R, M, N_0), labels (R, M)."""
        ...

    def after_batch(self, batch: int) -> None:
        """What is to be decided after the mini-batch of that number in its epoch."""
        ...

    def predictors(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Prefix of a quantity's name to a function from inputs to output preactivations."""
        ...

    def decisions(self) -> list[Tensor]:
        """The binary weights of every layer, (R, K, N)."""
        ...

    def observe(self) -> Iterator[tuple[str, int, list[float]]]:
        """Quantities of the weights: name, layer, one value a replica."""
        ...

    def diverged(self) -> tuple[list[bool], list[bool]]:
        """Which replicas have diverged, and which of them are lost: their numbers are not finite any more."""
        ...

    def state(self) -> Sequence[Tensor]:
        """Every tensor that lasts from one mini-batch to the next."""
        ...

    def kernel_plan(self) -> Hashable:
        """A key of everything that decides which kernels a mini-batch launches."""
        ...


@dataclass(frozen=True)
class Replica:
    """One of the networks that are trained together.

    Attributes
    ----------
    seed
        Its realisation.
    case
        Name of its case, or None.
    params
        The parameters of the run, with those of the case filled in.
    """

    seed: int
    case: str | None
    params: Training


def replicas_of(params: Training, seeds: Sequence[int]) -> list[Replica]:
    """One replica a case and seed, the seeds of a case side by side."""
    return [
        Replica(seed, name, params.model_copy(update=case.model_dump(exclude_none=True)))
        for name, case in (params.cases or {None: Case.model_validate({})}).items()
        for seed in seeds
    ]


def rows_of(params: Training, replicas: Sequence[Replica], train: Samples, source: str) -> Tensor:
    """Which training images each replica sees: row numbers (R, P) on the images' device.

    Parameters
    ----------
    source
        Name of the data set, for the message.

    Raises
    ------
    ValueError
        If the batch is larger than the training set.
    """
    seeds = [replica.seed for replica in replicas]
    rows = training_rows(len(train.inputs), params.samples, seeds, params.subset_seed).to(train.inputs.device)
    if params.batch_size > rows.shape[1]:
        raise ValueError(
            f"batch_size: {params.batch_size} is larger than the {rows.shape[1]} training images of {source}"
        )
    return rows


def trainer_of(params: Training, replicas: Sequence[Replica], inputs: int, device: torch.device) -> Trainer:
    """Networks with ``inputs`` input units, one a replica, before the first mini-batch."""
    widths = [inputs, *params.hidden, 1 if params.labels == "odd_even" else 10]
    make = gradient_descent if params.algorithm in ("sgd", "adam_sgd") else message_passing
    return make(params, replicas, widths, device)


def gradient_descent(
    params: Training, replicas: Sequence[Replica], widths: list[int], device: torch.device
) -> BinaryNet:
    return BinaryNet(
        widths,
        [replica.seed for replica in replicas],
        learning_rate=[replica.params.learning_rate for replica in replicas],
        optimiser="adam" if params.algorithm == "adam_sgd" else "sgd",
        density=params.density,
        freeze_top=params.freeze_top,
        metaplasticity=getattr(params, "metaplasticity", 0.0),
        device=device,
    )


def message_passing(params: Training, replicas: Sequence[Replica], widths: list[int], device: torch.device) -> Learner:
    network = build_network(
        widths,
        params.algorithm,
        [replica.seed for replica in replicas],
        epsilon=[replica.params.epsilon for replica in replicas],
        output="binary" if params.labels == "odd_even" else "argmax",
        weights=params.weights,
        density=params.density,
        freeze_top=params.freeze_top,
        series_order=params.series_order,
        switch_ratio=params.switch_ratio,
        tap_variant=params.tap_variant,
        cavity_variance=params.cavity_variance,
        label_noise=params.label_noise,
        device=device,
    )
    layers = len(widths) - 1
    settings = LearningSettings(
        rho=by_layer([replica.params.rho for replica in replicas], layers),
        damping=by_layer([replica.params.psi for replica in replicas], layers),
        reinforcement=by_layer([replica.params.reinforcement for replica in replicas], layers),
        reinforcement_step=params.reinforcement_step,
        focusing=params.focusing,
        max_sweeps=params.max_sweeps,
        stop=params.stop,
        tolerance=params.tolerance,
        reset_messages=params.reset_messages,
        field_limit=params.field_limit,
    )
    return Learner(network, settings)


def by_layer(values: Sequence[float | list[float]], layers: int) -> Tensor:
    """One value, or one a layer, of each replica, as a tensor (layers, replicas)."""
    rows = [value if isinstance(value, list) else [value] * layers for value in values]
    return torch.tensor(rows, dtype=torch.float64).T
