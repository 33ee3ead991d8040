"""A perceptron of binary weights that sees all its patterns at once: the smallest network, where theory is exact.

The layers are those of any deeper network; only the loop is simpler: one mini-batch, many sweeps, no prior. For labels
of a teacher, :mod:`.state_evolution` predicts the overlaps of every sweep of AMP and BP; for random labels,
reinforcement turns the inference into a solver.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .learning import Learner, LearningSettings
from .network import build_network
from .random_features import random_signs


@dataclass(frozen=True)
class Patterns:
    """One problem per realisation.

    Attributes
    ----------
    inputs
        ±1, float32, shape (realisations, patterns, N).
    labels
        ±1, shape (realisations, patterns).
    teacher
        ±1, shape (realisations, N), or None where labels are random.
    """

    inputs: Tensor
    labels: Tensor
    teacher: Tensor | None


def teacher_student(seeds, size: int, count: int, device: torch.device) -> Patterns:
    """``count`` random patterns of ``size`` inputs, labelled by a random teacher; ``size`` odd: no ties."""
    inputs = torch.stack([random_signs(seed, "perceptron: patterns", count, size) for seed in seeds])
    teacher = torch.stack([random_signs(seed, "perceptron: teacher", size) for seed in seeds])
    labels = torch.sign((inputs @ teacher.unsqueeze(2)).squeeze(2))
    return Patterns(inputs.to(device), labels.to(device), teacher.to(device))


def random_labels(seeds, size: int, count: int, device: torch.device) -> Patterns:
    """``count`` random patterns of ``size`` inputs with random labels."""
    inputs = torch.stack([random_signs(seed, "perceptron: patterns", count, size) for seed in seeds])
    labels = torch.stack([random_signs(seed, "perceptron: labels", count) for seed in seeds])
    return Patterns(inputs.to(device), labels.to(device), None)


class Student:
    """Beliefs about the weights of one perceptron per realisation, improved sweep by sweep.

    Parameters
    ----------
    algorithm
        ``amp``, ``bp``, ``bpi`` or ``mf``.
    patterns
        What is learned, all at once and without a prior.
    seeds
        Of the random initial fields; one per realisation.
    epsilon
        ε, standard deviation of the initial fields: m = tanh(εz).
    settings
        Damping and reinforcement.
    """

    def __init__(self, algorithm: str, patterns: Patterns, seeds, epsilon: float, settings: LearningSettings):
        size = patterns.inputs.shape[2]
        self.network = build_network([size, 1], algorithm, seeds, epsilon=epsilon, device=patterns.inputs.device)
        self.learner = Learner(self.network, settings)
        self.learner.start_batch()
        self.patterns = patterns
        self.top_field = self.network.top_field(patterns.labels)
        self.sweeps = 0
        self.active = torch.ones(len(patterns.inputs), dtype=torch.bool, device=patterns.inputs.device)

    @property
    def mean(self) -> Tensor:
        """m, shape (realisations, N)."""
        return self.network.layers[0].weights.mean[:, 0]

    def sweep(self) -> None:
        """One forward and one backward pass; realisations that have stopped keep their weights."""
        self.learner.sweep(self.patterns.inputs, self.top_field, self.sweeps, self.active)
        self.sweeps += 1

    def decided(self) -> Tensor:
        """Whether the variance of a preactivation, N(1 − q), is below that of a single free weight.

        From there on no weight is in doubt, and AMP, an expansion in the share of one weight, is no longer valid: its
        reaction terms can throw a solved realisation back to the start.
        """
        return self.mean.shape[1] * (1 - self.self_overlap()) < 1

    def stop(self, realisations: Tensor) -> None:
        """Keep the weights of some realisations (a Boolean per realisation) from now on."""
        self.active &= ~realisations

    def self_overlap(self) -> Tensor:
        """q = m·m/N of each realisation."""
        return self.mean.square().mean(1)

    def teacher_overlap(self) -> Tensor:
        """R = m·w*/N of each realisation.

        Raises
        ------
        ValueError
            If labels are random: there is no teacher.
        """
        if self.patterns.teacher is None:
            raise ValueError("labels are random: there is no teacher")
        return (self.mean * self.patterns.teacher).mean(1)

    def training_error(self) -> Tensor:
        """Fraction of patterns that sign(m) gets wrong."""
        outputs = torch.sign((self.patterns.inputs @ torch.sign(self.mean).unsqueeze(2)).squeeze(2))
        return (outputs != self.patterns.labels).float().mean(1)
