"""A perceptron of binary weights that sees all its patterns at once: the smallest network, where theory is exact.

The layers are those of any deeper network; only the loop is simpler: one mini-batch, many sweeps, no prior. For labels
of a teacher, :mod:`.state_evolution` predicts the overlaps of every sweep of AMP and BP; for random labels,
reinforcement turns the inference into a solver.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..seeding import torch_stream
from .channels.binary_output import hard_field
from .layers.amp import AMPLayer
from .layers.bp import BPLayer
from .layers.bpi import BPILayer
from .layers.layer import Layer, LayerInput
from .layers.mean_field import MeanFieldLayer
from .random_features import random_signs
from .weights import BinaryWeights, UpdateRule

LAYERS: dict[str, type[Layer]] = {"amp": AMPLayer, "bp": BPLayer, "bpi": BPILayer, "mf": MeanFieldLayer}

SWEEPS_BEFORE_REINFORCEMENT_GROWS = 10
POLARISED = 1 - 1e-6  # beyond, V underflows towards its floor and the estimate is decided


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


class Perceptron:
    """Beliefs about the weights of one perceptron per realisation, improved sweep by sweep.

    Parameters
    ----------
    algorithm
        ``amp``, ``bp``, ``bpi`` or ``mf``.
    patterns
        What is learned.
    seeds
        Of the random initial fields; one per realisation.
    initial_field
        ε, standard deviation of the initial fields: m = tanh(εz).
    damping
        ψ.
    reinforcement, reinforcement_step
        r of the first sweeps, and by which part 1 − r shrinks in every later one.
    """

    def __init__(
        self,
        algorithm: str,
        patterns: Patterns,
        seeds,
        initial_field: float = 0.0,
        damping: float = 0.0,
        reinforcement: float = 0.0,
        reinforcement_step: float = 0.0,
    ):
        size = patterns.inputs.shape[2]
        fields = [torch.randn(1, size, generator=torch_stream(seed, "perceptron: fields")) for seed in seeds]
        self.weights = BinaryWeights((initial_field * torch.stack(fields)).to(patterns.inputs))
        self.layer = LAYERS[algorithm](self.weights)
        self.layer.is_first = True
        self.layer.keeps_memory = True
        self.patterns = patterns
        self.damping = damping
        self.reinforcement = reinforcement
        self.reinforcement_step = reinforcement_step
        self.sweeps = 0
        self.active = torch.ones(len(patterns.inputs), 1, 1, dtype=torch.bool, device=patterns.inputs.device)

    @property
    def mean(self) -> Tensor:
        """m, shape (realisations, N)."""
        return self.weights.mean[:, 0]

    def sweep(self) -> None:
        """One forward and one backward pass of the realisations that have not stopped."""
        rule = UpdateRule(damping=self.damping, reinforcement=self.reinforcement, active=self.active)
        self.layer.forward(LayerInput(self.patterns.inputs))
        self.layer.backward(hard_field(self.patterns.labels).unsqueeze(2), rule)
        self.sweeps += 1
        if self.sweeps > SWEEPS_BEFORE_REINFORCEMENT_GROWS:
            self.reinforcement = 1 - (1 - self.reinforcement) * (1 - self.reinforcement_step)

    def stop(self, realisations: Tensor) -> None:
        """Keep the weights of some realisations (a Boolean per realisation) from now on."""
        self.active &= ~realisations[:, None, None]

    def self_overlap(self) -> Tensor:
        """q = m·m/N of each realisation."""
        return self.mean.square().mean(1)

    def teacher_overlap(self) -> Tensor:
        """R = m·w*/N of each realisation."""
        return (self.mean * self.patterns.teacher).mean(1)

    def training_error(self) -> Tensor:
        """Fraction of patterns that sign(m) gets wrong."""
        outputs = torch.sign((self.patterns.inputs @ torch.sign(self.mean).unsqueeze(2)).squeeze(2))
        return (outputs != self.patterns.labels).float().mean(1)
