"""What each task of the family takes. Declarations and checks only: engines compute, this module does not."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from ..parameters import Cost, Parameters

PIXELS = 28 * 28  # of MNIST; the parameters do not know their data set
FULL_SET = 60_000
START = Cost(2.0, 340.0)  # importing torch


class Rates(NamedTuple):
    """Seconds of one thread that a learning rule takes for one sweep over a mini-batch.

    Attributes
    ----------
    sweep
        Of the mini-batch, however many networks learn together.
    weight
        Of one weight of each network.
    image
        Of one weight and one image.
    """

    sweep: float
    weight: float
    image: float


RATES = {
    "bp": Rates(2.1e-4, 3.4e-9, 1.3e-10),
    "bpi": Rates(2.1e-4, 3.4e-9, 1.3e-10),
    "amp": Rates(1.5e-4, 2.3e-9, 8.2e-11),
    "mf": Rates(1.2e-4, 1.6e-9, 5.3e-11),
    "ebp": Rates(2.2e-4, 1.6e-9, 7.0e-11),
    "sgd": Rates(5.3e-5, 5.0e-9, 6.9e-11),
    "adam_sgd": Rates(1.35e-4, 5.4e-9, 8.0e-11),
}
# Seconds for one weight and one image, instead of those above:
EDGES = 8.2e-10  # with the exact kernel over all edges
EDGE_MESSAGES = 1.7e-9  # with a message kept on every edge, as bp needs for a second sweep
REACTIONS = 1.6e-10  # of amp with the reactions on the sweep before
FORWARD = 2.2e-11  # to predict
BAYES = 1.8  # times as long for the prediction averaged over the posterior
FETCH = 2e-6  # seconds to copy one image for one network that is to predict its label
PREPARE = 2.3e-5  # seconds to make one image of the data set an input
BYTES_PER_EDGE_MESSAGE = 12
TENSORS_PER_WEIGHT = 20


def weight_count(widths: list[int]) -> int:
    return sum(fan_in * fan_out for fan_in, fan_out in pairwise(widths))


def seconds_of_sweep(rates: Rates, weights: int, images: int) -> float:
    """What one sweep over a mini-batch takes, ``weights`` being those of all networks that learn together."""
    return rates.sweep + weights * (rates.weight + images * rates.image)


def require_odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd, so that a sum of ±1 is never 0")
    return value


Odd = Annotated[int, Field(ge=1), AfterValidator(require_odd)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def as_list(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


def require_decay(value: float | list[float]) -> float | list[float]:
    if any(number < 0 for number in as_list(value)):
        raise ValueError("must not be negative: it multiplies the field of the last mini-batch (1 keeps it)")
    return value


def require_damping(value: float | list[float]) -> float | list[float]:
    if any(not 0 <= number < 1 for number in as_list(value)):
        raise ValueError("must be at least 0 and below 1: it is the part of the old mean that stays")
    return value


Decay = Annotated[float | list[float], AfterValidator(require_decay)]
Damping = Annotated[float | list[float], AfterValidator(require_damping)]


class Case(Parameters):
    """One of several settings that are computed together; what is not given is that of the run."""

    rho: Decay | None = Field(None, description="decay ρ of the prior, one number or one a layer")
    psi: Damping | None = Field(None, description="damping ψ, one number or one a layer")
    epsilon: float | None = Field(None, ge=0, description="scale ε of the initial fields")
    reinforcement: float | None = Field(None, ge=0, description="reinforcement r within a batch")
    learning_rate: float | None = Field(None, gt=0, description="step of the gradient baselines")


class NamedCase(Case):
    """A case in a list, which says its own name."""

    name: str = Field(description="what the column `case` says")


def by_name(cases: Any) -> Any:
    """A list of cases, each with its ``name``, as a mapping from name to case."""
    if not isinstance(cases, list):
        return cases
    named = {}
    for case in cases:
        if not isinstance(case, dict) or "name" not in case:
            raise ValueError(f"{case} has no name; a list of cases gives each one: {{name: strong, rho: 1.01}}")
        if case["name"] in named:
            raise ValueError(f"the name {case['name']!r} is given twice")
        named[case["name"]] = {key: value for key, value in case.items() if key != "name"}
    return named


Cases = Annotated[
    dict[str, Case] | None,
    BeforeValidator(by_name, json_schema_input_type=list[NamedCase] | dict[str, Case] | None),
]


class Training(Parameters):
    """One classifier with binary weights, learning images by message passing or by gradient descent."""

    needs = "labels"
    later: ClassVar[tuple[str, ...]] = ("label_noise", "tf32")
    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "case": "category",
        "epoch": "int32",
        "layer": "int32",
        "quantity": "category",
        "value": "float64",
    }

    algorithm: Literal["bp", "bpi", "amp", "mf", "ebp", "sgd", "adam_sgd"] = Field(
        "amp",
        description="message-passing rule of all layers, or a gradient baseline with the straight-through estimator",
    )
    hidden: list[Odd] = Field([101, 101], description="hidden widths")
    labels: Literal["odd_even", "ten_classes"] = Field("odd_even", description="odd against even labels, or all ten")
    samples: int | None = Field(None, ge=1, description="training images P; all where the set has fewer, or null")
    subset_seed: int | None = Field(
        17, description="which P images: one choice for all realisations, or null for one drawn with each seed"
    )
    batch_size: int = Field(128, ge=1, description="images a mini-batch M; an incomplete last batch is dropped")
    epochs: int = Field(100, ge=0, description="passes over the training images")
    evaluate_every: int = Field(1, ge=1, description="epochs from one evaluation to the next; the last is always there")
    bayes: bool = Field(False, description="also evaluate the prediction averaged over the posterior")

    rho: Decay = Field(1.0001, description="decay ρ of the prior from batch to batch; one number or one a layer")
    psi: Damping = Field(0.8, description="damping ψ of the mean weights; one number or one a layer")
    epsilon: float = Field(1.0, ge=0, description="scale ε of the initial fields H = ε·normal")
    max_sweeps: int = Field(1, ge=1, description="sweeps τ_max of messages a mini-batch")
    stop: Literal["never", "converged", "solved"] = Field("never", description="when a batch's sweeps may end early")
    tolerance: float = Field(1e-4, gt=0, description="mean change of the weights that counts as converged")
    reinforcement: float = Field(0.0, ge=0, description="reinforcement r within a batch; with focusing, its coupling γ")
    reinforcement_step: float = Field(0.0, ge=0, lt=1, description="growth of r (after ten sweeps) or γ a sweep")
    focusing: float = Field(0.0, description="number of replicas y of focusing belief propagation; 0 = off")
    reset_messages: bool = Field(True, description="forget messages between mini-batches (false: early figures)")
    tap_variant: Literal["exact", "seed", "same_time"] = Field("exact", description="reaction terms of amp")
    cavity_variance: bool = Field(False, description="leave the edge out of bp's variances, too")
    series_order: int | None = Field(
        3, ge=0, le=8, description="order of the expansion of bp and bpi in one edge; null = always the exact kernel"
    )
    switch_ratio: float = Field(
        1.0,
        ge=0,
        description="smallest √V / max|x| of a layer below which it takes the exact kernel (at 1 a series of third "
        "order is off by 1 % of the field)",
    )
    weights: Literal["binary", "continuous"] = Field("binary", description="W = ±1, or real with a Gaussian prior")
    density: float = Field(1.0, gt=0, le=1, description="probability that a weight exists")
    freeze_top: bool = Field(False, description="top weights fixed at 1 (committee machine)")
    field_limit: float = Field(
        2.0**24,
        gt=0,
        description="largest |H|; a replica that reaches it has diverged. 2^24: float32's resolution of 1",
    )
    label_noise: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="probability e that a label (of ten classes: a comparison of two) is wrong, as the network assumes",
    )
    learning_rate: float = Field(10.0, gt=0, description="step of sgd and adam_sgd (adam_sgd: 1e-3 is usual)")
    tf32: bool = Field(
        False, description="matrix products with 10-bit mantissas (TF32) on GPUs that have them: faster, less exact"
    )
    cases: Cases = Field(
        None,
        description="settings computed together with all seeds as one batch, a mapping from name to settings or a list "
        "of settings with their `name`; the names fill the column `case`",
    )

    _images: int = PrivateAttr(FULL_SET)  # for training, that there are

    @model_validator(mode="after")
    def check_consistency(self) -> "Training":
        if self.samples is not None and self.batch_size > self.samples:
            raise ValueError(
                f"batch_size: {self.batch_size} is larger than samples: {self.samples}; allowed: at most samples"
            )
        if 0 < self.focusing <= 1 or self.focusing < 0:
            raise ValueError(f"focusing: {self.focusing} is not allowed; give y > 1, or 0 to switch it off")
        if self.weights == "continuous" and self.algorithm not in ("bpi", "amp", "mf", "ebp"):
            raise ValueError(
                f"weights: continuous is not offered for algorithm {self.algorithm!r}; allowed: bpi, amp, mf, ebp"
            )
        if self.weights == "continuous" and (self.labels == "ten_classes" or self.focusing):
            raise ValueError("weights: continuous goes with labels: odd_even and focusing: 0 only")
        if self.freeze_top and self.labels == "ten_classes":
            raise ValueError("freeze_top: true makes all ten classes the same unit; it goes with labels: odd_even only")
        for name, case in (("", self), *(self.cases or {}).items()):
            self.check_case(f"cases.{name}." if name else "", case)
        return self

    def class_range(self) -> tuple[int, int | None]:
        """Ten output units have at most ten classes; odd against even takes any number from two on."""
        return (1, 10) if self.labels == "ten_classes" else (2, None)

    def with_images(self, count: int | None) -> "Training":
        """``samples`` is how many images are taken at most; tests are on all there are."""
        if count is None:
            return self
        known = self.model_copy(update={"samples": count if self.samples is None else min(self.samples, count)})
        known._images = count
        return known

    @property
    def test_images(self) -> float:
        """One to six training images that there are, as in MNIST."""
        return self._images / 6

    def check_case(self, prefix: str, case: "Training | Case") -> None:
        layers = len(self.hidden) + 1
        for key in ("rho", "psi"):
            value = getattr(case, key)
            if isinstance(value, list) and len(value) != layers:
                raise ValueError(
                    f"{prefix}{key}: {len(value)} values for {layers} layers; give one number or one a layer"
                )
        rho = self.rho if case.rho is None else case.rho
        reinforcement = self.reinforcement if case.reinforcement is None else case.reinforcement
        if not any(as_list(rho)) and not reinforcement:
            raise ValueError(f"{prefix}rho: 0 in every layer forgets each batch; give rho > 0, or reinforcement > 0")

    def cost(self, seeds: int) -> Cost:
        """Sweeps over mini-batches at the measured rates of each rule, and predictions, for images of 28 × 28 pixels.

        The exact kernel is counted where the series is switched off.
        """
        replicas = seeds * len(self.cases or [None])
        samples = self.samples or FULL_SET
        weights = weight_count([PIXELS, *self.hidden, 1 if self.labels == "odd_even" else 10])
        keeps_edges = self.algorithm == "bp" and (self.max_sweeps > 1 or self.focusing > 0)
        rates = RATES[self.algorithm]
        if keeps_edges:
            rates = rates._replace(image=EDGE_MESSAGES)
        elif self.algorithm in ("bp", "bpi") and self.series_order is None:
            rates = rates._replace(image=EDGES)
        elif self.algorithm == "amp" and self.max_sweeps > 1:
            rates = rates._replace(image=REACTIONS)
        sweeps = self.max_sweeps * self.epochs * (samples // self.batch_size)
        evaluations = 1 + self.epochs / self.evaluate_every
        forward = weights * FORWARD * (1 + BAYES if self.bayes else 1)
        predicting = evaluations * (samples + self.test_images) * (forward + FETCH)
        edges = self.batch_size * BYTES_PER_EDGE_MESSAGE if keeps_edges else 0
        numbers = replicas * weights * (4 * TENSORS_PER_WEIGHT + edges)
        images = (samples + self.test_images) * PIXELS * 6  # bytes as stored and as single-precision numbers
        return Cost(
            START.cpu_seconds
            + (self._images + self.test_images) * PREPARE
            + sweeps * seconds_of_sweep(rates, replicas * weights, self.batch_size)
            + replicas * predicting,
            START.memory_mb + (numbers + images) / 1e6,
        )


class Continual(Training):
    """One network that learns permuted versions of a task one after the other; ``epochs`` are of each."""

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "case": "category",
        "learned": "int32",
        "task": "int32",
        "quantity": "category",
        "value": "float64",
    }

    tasks: int = Field(6, ge=1, description="tasks; the pixels of each but the first are permuted")
    rehearsal: bool = Field(False, description="train on images of all tasks so far, as many in a task's time")
    metaplasticity: float = Field(
        0.0, ge=0, description="of sgd: steps that weaken a latent weight w shrink by 1 − tanh²(this × w)"
    )

    def cost(self, seeds: int) -> Cost:
        """That of training, for every task, and the predictions on all tasks so far."""
        one = super().cost(seeds)
        return Cost(self.tasks * one.cpu_seconds, one.memory_mb + 2 * FULL_SET * PIXELS * 4 / 1e6)


class Calibration(Training):
    """One network that tells odd from even labels, and what its probabilities are worth after some epochs."""

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "case": "category",
        "epoch": "int32",
        "prediction": "category",
        "quantity": "category",
        "value": "float64",
        "probabilities": "list<float64>",
        "frequencies": "list<float64>",
    }

    labels: Literal["odd_even"] = Field("odd_even", description="odd against even labels")
    checkpoints: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 5, 20], min_length=1, description="epochs after which probabilities are judged; the last one ends the run"
    )
    test_samples: int = Field(10_000, ge=100, description="test images, at most")
    networks: int = Field(250, ge=0, description="networks that are drawn from the posterior and vote; 0 = none")
    unseen: list[Annotated[int, Field(ge=0, le=9)]] = Field(
        [], description="classes that are left out of learning, to be told apart by their confidence"
    )

    def cost(self, seeds: int) -> Cost:
        """That of training up to the last checkpoint, and the votes."""
        trained = self.model_copy(update={"epochs": max(self.checkpoints), "evaluate_every": 10**9})
        one = Training.cost(trained, seeds)
        weights = weight_count([PIXELS, *self.hidden, 1])
        votes = len(self.checkpoints) * self.networks * seeds * len(self.cases or [None])
        return Cost(one.cpu_seconds + votes * self.test_samples * weights * FORWARD, one.memory_mb + 200)


class Repetition(Parameters):
    """Perceptrons small enough to enumerate that see the same patterns again and again, one at a time."""

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "rule": "category",
        "patterns": "int32",
        "passes": "int32",
        "quantity": "category",
        "value": "float64",
    }

    inputs: Annotated[Odd, Field(le=15)] = Field(13, description="inputs N: 2^N weights are enumerated")
    patterns: list[Annotated[int, Field(ge=1)]] = Field([7], min_length=1, description="numbers of patterns")
    passes: list[Annotated[int, Field(ge=1)]] = Field([1, 2, 5], min_length=1, description="passes over the patterns")
    instances: int = Field(100, ge=1, description="problems of a realisation, over which a slope is fitted")
    test_patterns: int = Field(40, ge=1, description="new patterns of each problem")
    largest_mean: float = Field(0.999, gt=0, lt=1, description="|m| of ep is clamped there")

    def cost(self, seeds: int) -> Cost:
        """The 2^N states times patterns times passes."""
        steps = sum(self.patterns) * max(self.passes) * 4 + len(self.patterns) * len(self.passes) * self.test_patterns
        return Cost(START.cpu_seconds + seeds * self.instances * 2**self.inputs * steps * 1e-8, START.memory_mb + 500)


class LocalEnergy(Training):
    """One network that learns, and how its training error rises when some of its weights are flipped."""

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "case": "category",
        "flipped": "float64",
        "quantity": "category",
        "value": "float64",
    }

    fractions: list[Fraction] = Field(
        [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35], min_length=1, description="probabilities p that a weight is flipped"
    )
    draws: int = Field(10, ge=1, description="choices of the flipped weights")

    def cost(self, seeds: int) -> Cost:
        """That of training, and the predictions of the flipped networks."""
        one = super().cost(seeds)
        weights = weight_count([PIXELS, *self.hidden, 1 if self.labels == "odd_even" else 10])
        networks = seeds * len(self.cases or [None]) * self.draws * len(self.fractions)
        predicting = networks * (self.samples or FULL_SET) * weights * FORWARD
        return Cost(one.cpu_seconds + predicting, one.memory_mb)


class Perceptron(Parameters):
    """Message passing for one perceptron per realisation that sees all its patterns at once.

    Random labels have no teacher to be found: reinforcement turns the inference into a solver, and is on by default.
    """

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "inputs": "int32",
        "load": "float64",
        "sweep": "int32",
        "quantity": "category",
        "value": "float64",
    }
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "random_labels": {
            "loads": [0.4, 0.5, 0.6, 0.7, 0.76, 0.82],
            "sweeps": 250,
            "reinforcement": 0.2,
            "reinforcement_step": 0.01,
        }
    }
    # Seconds for one weight of one pattern and sweep.
    rates: ClassVar[Mapping[str, float]] = {"amp": 4e-9, "mf": 4e-9, "bpi": 6e-9, "bp": 2e-8}

    problem: Literal["teacher_student", "random_labels"] = Field(
        "teacher_student", description="whether a teacher perceptron or a coin gives the labels"
    )
    algorithm: Literal["amp", "bp", "bpi", "mf"] = Field("amp", description="message-passing rule")
    reference: Literal["amp", "bp", "bpi", "mf"] | None = Field(
        None, description="a second rule that runs beside the first; its distance from the first is recorded"
    )
    inputs: list[Odd] = Field([1001], min_length=1, description="numbers of inputs N")
    loads: list[Positive] = Field(
        [0.25, 0.5, 0.75, 1.0, 1.2, 1.3, 1.4, 1.6, 1.8],
        min_length=1,
        description="loads α = P/N; by default around the spinodal at 1.49, for random labels below the capacity 0.83",
    )
    sweeps: int = Field(40, ge=1, description="largest number of sweeps; 250 by default for random labels")
    epsilon: float = Field(0.0, ge=0, description="scale ε of the initial fields")
    psi: Fraction = Field(0.0, description="damping ψ of the mean weights")
    reinforcement: Fraction = Field(
        0.0, description="reinforcement r of the first ten sweeps; 0.2 by default for random labels"
    )
    reinforcement_step: Fraction = Field(
        0.0, description="part by which 1 − r shrinks in each later sweep; 0.01 by default for random labels"
    )

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, given: Any) -> Any:
        return with_defaults(cls.defaults, given, "problem", "teacher_student")

    def cost(self, seeds: int) -> Cost:
        """Weights times patterns times sweeps; messages of the largest problem are in memory, bp's on every edge."""
        products = [load * size**2 for load in self.loads for size in self.inputs]
        rate = self.rates[self.algorithm] + (self.rates[self.reference] if self.reference else 0)
        per_edge = 12 if "bp" in (self.algorithm, self.reference) else 24
        return Cost(
            START.cpu_seconds + seeds * self.sweeps * sum(products) * rate,
            START.memory_mb + seeds * max(products) * per_edge / 1e6,
        )


class Committee(Parameters):
    """Committees (top weights 1) of binary weights on random-feature data, for several numbers of features.

    Each learner has the schedule of the published figure by default.
    """

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "features": "int32",
        "quantity": "category",
        "value": "float64",
        "matrix": "list<float32>",
    }
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "online_bp": {"epochs": 20, "epsilon": 0.5},
        "focusing_bp": {"epochs": 400, "psi": 0.99, "epsilon": 1.0},
        "binarynet": {"epochs": 100, "batch_size": 10, "learning_rate": 10.0},
        "sbpi": {"epochs": 100},
    }
    # Seconds for one step of learning, and for one weight of one pattern.
    per_step: ClassVar[Mapping[str, float]] = {"online_bp": 4e-4, "focusing_bp": 1e-3, "binarynet": 1e-4, "sbpi": 5e-5}
    per_weight: ClassVar[Mapping[str, float]] = {
        "online_bp": 1e-8,
        "focusing_bp": 7e-9,
        "binarynet": 3e-10,
        "sbpi": 1e-9,
    }

    algorithm: Literal["online_bp", "focusing_bp", "binarynet", "sbpi"] = Field(
        "online_bp",
        description="BPI with batches of one pattern; focusing BP on all patterns at once; gradient descent with the "
        "straight-through estimator; LAL-SBPI",
    )
    features: list[Odd] = Field([303], min_length=1, description="numbers of features N, the inputs of the committee")
    hidden_units: Odd = Field(27, description="units K of the committee")
    latent_dimension: Odd = Field(101, description="dimension D of the latent patterns")
    samples: int = Field(303, ge=1, description="training patterns P; there are 2P for the test")
    epochs: int = Field(
        20,
        ge=1,
        description="passes over the patterns (at most, for sbpi); sweeps of focusing_bp. 20 by default for online_bp, "
        "400 for focusing_bp, 100 for binarynet and sbpi",
    )
    batch_size: int = Field(1, ge=1, description="patterns a mini-batch, of binarynet (10 by default)")
    learning_rate: float = Field(1.0, gt=0, description="step of binarynet (10 by default)")
    rho: float = Field(1.0, ge=0, description="decay ρ of the prior, of online_bp")
    psi: Fraction = Field(
        0.0, description="damping ψ of the mean weights, of online_bp and focusing_bp (0.99 by default)"
    )
    epsilon: float = Field(
        0.1, gt=0, description="scale ε of the initial fields, of online_bp (0.5 by default) and focusing_bp (1)"
    )
    focusing: float = Field(21.0, gt=1, description="number of replicas y, of focusing_bp")
    coupling: Annotated[list[Positive], Field(min_length=2, max_length=2)] = Field(
        [0.1, 5.0], description="coupling γ of the replicas in the first and in the last sweep, of focusing_bp"
    )
    margin: float = Field(1.0, ge=0, description="θ_m of sbpi's secondary rule")
    probability: float = Field(0.3, ge=0, le=1, description="p_s of sbpi's secondary rule")
    matrix_features: list[Odd] = Field([], description="numbers of features whose unit overlaps are kept as a matrix")

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, given: Any) -> Any:
        return with_defaults(cls.defaults, given, "algorithm", "online_bp")

    @model_validator(mode="after")
    def check_sizes(self) -> "Committee":
        unknown = set(self.matrix_features) - set(self.features)
        if unknown:
            raise ValueError(f"matrix_features: {min(unknown)} is not one of features; allowed: {self.features}")
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: {self.batch_size} is larger than samples: {self.samples}")
        return self

    def cost(self, seeds: int) -> Cost:
        """Steps of learning, and weights times patterns times epochs, over all numbers of features."""
        batch = {"focusing_bp": self.samples, "binarynet": self.batch_size}.get(self.algorithm, 1)
        steps = self.epochs * (self.samples // batch) * len(self.features) * self.per_step[self.algorithm]
        patterns = self.epochs * self.samples * seeds
        products = patterns * self.hidden_units * sum(self.features) * self.per_weight[self.algorithm]
        edges = self.samples if self.algorithm == "focusing_bp" else 3 * batch
        largest = seeds * max(self.features) * (self.hidden_units * (80 + 4 * edges) + 12 * self.samples)
        return Cost(START.cpu_seconds + steps + products, START.memory_mb + largest / 1e6)


class Timing(Parameters):
    """Seconds an epoch, measured on part of one."""

    needs = "labels"
    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "algorithm": "category",
        "batch_size": "int32",
        "quantity": "category",
        "value": "float64",
    }

    algorithms: list[Literal["bpi", "series", "amp", "mf", "sgd"]] = Field(
        ["bpi", "series", "amp", "mf", "sgd"],
        min_length=1,
        description="rules to time: bpi = exact edge sums (at one sweep also bp), series = bpi expanded to third order",
    )
    batch_sizes: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 16, 128, 1024], min_length=1, description="batch sizes M"
    )
    hidden: list[Odd] = Field([101, 101], description="hidden widths")
    samples: int = Field(60000, ge=1, description="images of the epoch that the seconds are given for")
    batches: list[Annotated[int, Field(ge=1)]] = Field(
        [200, 100, 40, 10], min_length=1, description="mini-batches that are timed, one number for each batch size"
    )

    @model_validator(mode="after")
    def check_counts(self) -> "Timing":
        if len(self.batches) != len(self.batch_sizes):
            raise ValueError(f"batches: {len(self.batches)} numbers for {len(self.batch_sizes)} batch_sizes")
        return self

    def class_range(self) -> tuple[int, int | None]:
        """Odd against even labels."""
        return 2, None

    def cost(self, seeds: int) -> Cost:
        """Weights times images of the timed mini-batches, and one compilation of the exact kernel."""
        weights = weight_count([PIXELS, *self.hidden, 1])
        rates = RATES | {"series": RATES["bpi"], "bpi": RATES["bpi"]._replace(image=EDGES)}
        seconds = sum(
            count * seconds_of_sweep(rates[algorithm], weights, size)
            for algorithm in self.algorithms
            for size, count in zip(self.batch_sizes, self.batches, strict=True)
        )
        return Cost(15 + seeds * seconds, 2 * START.memory_mb + FULL_SET * PIXELS * 6 / 1e6)


class Channels(Parameters):
    """Inference through layers of any activation: of a signal by known weights, or of weights from known inputs.

    The truth is drawn from the model. The algorithms see the same problems, all patterns at once.
    """

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "algorithm": "category",
        "inputs": "int32",
        "outputs": "int32",
        "patterns": "int32",
        "quantity": "category",
        "value": "float64",
    }
    # Seconds for one weight of one pattern and sweep.
    rates: ClassVar[Mapping[str, float]] = {"amp": 6e-9, "mf": 4e-9, "bp": 4e-7, "bp_cavity": 5e-7, "bpi": 2e-7}

    unknown: Literal["signal", "weights"] = Field(
        "signal", description="what is inferred: x⁰ through known Gaussian weights, or the weights of every layer"
    )
    prior: Literal["binary", "gaussian"] = Field("binary", description="prior of what is unknown, of unit variance")
    activations: list[Literal["sign", "relu", "identity"]] = Field(
        ["sign"], min_length=1, description="activation of each layer's units, the observed ones last"
    )
    shapes: list[Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2)]] = Field(
        [[12, 8]], min_length=1, description="networks: numbers of units from the input to the output"
    )
    patterns: list[Annotated[int, Field(ge=1)]] = Field(
        [1], min_length=1, description="examples M, one number for each shape or for all of them; a signal has 1"
    )
    noise: float | list[float] = Field(0.1, description="variance s² of the pre-activation noise, one or one a layer")
    bias: float = Field(0.0, ge=0, description="standard deviation of the known biases")
    algorithms: list[Literal["bp", "bp_cavity", "bpi", "amp", "mf"]] = Field(
        ["bp", "amp", "bpi", "mf"],
        min_length=1,
        description="rules; bp_cavity leaves the edge out of its variances, too; distances are from the first",
    )
    sweeps: int = Field(200, ge=1, description="sweeps of messages")
    psi: Fraction = Field(0.5, description="damping ψ: the part of the old messages that stays")
    exact: Literal["none", "enumeration", "linear"] = Field(
        "none", description="how the exact posterior is found: all binary states, or linear algebra"
    )

    @model_validator(mode="after")
    def check_shapes(self) -> "Channels":
        layers = len(self.activations)
        for shape in self.shapes:
            if len(shape) != layers + 1:
                raise ValueError(f"shapes: {shape} has {len(shape) - 1} layers; activations are given for {layers}")
        if len(self.patterns) > 1 and len(self.shapes) > 1 and len(self.patterns) != len(self.shapes):
            raise ValueError(f"patterns: {len(self.patterns)} numbers for {len(self.shapes)} shapes")
        if self.unknown == "signal" and self.patterns != [1]:
            raise ValueError("patterns: a signal is seen once; patterns goes with unknown: weights")
        noises = as_list(self.noise)
        if any(value < 0 for value in noises) or len(noises) not in (1, layers):
            raise ValueError(f"noise: {self.noise}; allowed: at least 0, one number or {layers}, one a layer")
        if noises[-1] == 0 and self.activations[-1] != "sign":
            raise ValueError("noise: 0 at an output that is no sign has no density; give the last layer some")
        if self.exact == "linear" and (set(self.activations) != {"identity"} or self.prior != "gaussian"):
            raise ValueError("exact: linear goes with activations: identity and prior: gaussian only")
        return self

    def cost(self, seeds: int) -> Cost:
        """Weights times patterns times sweeps, of every algorithm; bp keeps messages on every edge."""
        counts = self.patterns if len(self.patterns) > 1 else self.patterns * len(self.shapes)
        shapes = self.shapes if len(self.shapes) > 1 else self.shapes * len(counts)
        edges = [weight_count(shape) * count for shape, count in zip(shapes, counts, strict=True)]
        rates = sum(self.rates[name] for name in self.algorithms)
        steps = 1e-3 * len(self.activations) * len(self.algorithms) * len(edges) * self.sweeps
        per_edge = 200 if {"bp", "bp_cavity", "bpi"} & set(self.algorithms) else 40
        return Cost(
            START.cpu_seconds + steps + seeds * self.sweeps * sum(edges) * rates,
            START.memory_mb + seeds * max(edges) * per_edge / 1e6,
        )


class Specialisation(Parameters):
    """A committee that learns from a committee: state evolution, and AMP on finite instances."""

    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "load": "float64",
        "start": "category",
        "quantity": "category",
        "value": "float64",
    }

    units: int = Field(2, ge=1, le=3, description="units K of the committee; sign 0 = 0 where they are even")
    loads: list[Positive] = Field(
        [0.5, 1.0, 1.5, 2.0, 2.5], min_length=1, description="loads α: patterns per input of the committee"
    )
    inputs: int = Field(1000, ge=1, description="inputs N of the instances for AMP")
    sweeps: int = Field(60, ge=1, description="sweeps of AMP")

    def cost(self, seeds: int) -> Cost:
        """Sweeps of state evolution over a grid in K dimensions, and of AMP over all patterns."""
        evolution = 3 * 100 * len(self.loads) * {1: 0.001, 2: 0.002, 3: 0.005}[self.units]
        amp = 2 * seeds * self.sweeps * sum(self.loads) * self.inputs**2 * self.units * 2e-9
        return Cost(START.cpu_seconds + evolution + amp, START.memory_mb + 24 * max(self.loads) * self.inputs**2 / 1e6)


def with_defaults(defaults: Mapping[str, Mapping[str, Any]], given: Any, key: str, usual: str) -> Any:
    """What was given, over the defaults that the value of ``key`` brings with it."""
    if not isinstance(given, dict):
        return given
    chosen = given.get(key, usual)
    return {**defaults.get(chosen, {}), **given} if isinstance(chosen, str) else given
