"""What each task of the family takes. Declarations and checks only: engines compute, this module does not."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ..parameters import Parameters


def require_odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd, so that a sum of ±1 is never 0")
    return value


Odd = Annotated[int, Field(ge=1), AfterValidator(require_odd)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def require_decay(value: float | list[float]) -> float | list[float]:
    if any(number < 0 for number in _as_list(value)):
        raise ValueError("must not be negative: it multiplies the field of the last mini-batch (1 keeps it)")
    return value


def require_damping(value: float | list[float]) -> float | list[float]:
    if any(not 0 <= number < 1 for number in _as_list(value)):
        raise ValueError("must be at least 0 and below 1: it is the part of the old mean that stays")
    return value


Decay = Annotated[float | list[float], AfterValidator(require_decay)]
Damping = Annotated[float | list[float], AfterValidator(require_damping)]


def _as_list(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


class Case(Parameters):
    """One of several settings that are computed together; what is not given is that of the run."""

    rho: Decay | None = Field(None, description="decay ρ of the prior, one number or one a layer")
    psi: Damping | None = Field(None, description="damping ψ, one number or one a layer")
    epsilon: float | None = Field(None, ge=0, description="scale ε of the initial fields")
    reinforcement: float | None = Field(None, ge=0, description="reinforcement r within a batch")
    learning_rate: float | None = Field(None, gt=0, description="step of the gradient baselines")


class TrainingParams(Parameters):
    """One classifier with binary weights, learning images by message passing or by gradient descent."""

    algorithm: Literal["bp", "bpi", "amp", "mf", "sgd", "adam_sgd"] = Field(
        description="message-passing rule of all layers, or a gradient baseline with the straight-through estimator"
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
    bayes: bool = Field(True, description="also evaluate the prediction averaged over the posterior")

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
    learning_rate: float = Field(10.0, gt=0, description="step of sgd and adam_sgd (adam_sgd: 1e-3 is usual)")
    cases: dict[str, Case] | None = Field(
        None, description="settings computed together with all seeds as one batch; their names fill the column `case`"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingParams":
        if self.samples is not None and self.batch_size > self.samples:
            raise ValueError(
                f"batch_size: {self.batch_size} is larger than samples: {self.samples}; allowed: at most samples"
            )
        if 0 < self.focusing <= 1 or self.focusing < 0:
            raise ValueError(f"focusing: {self.focusing} is not allowed; give y > 1, or 0 to switch it off")
        if self.weights == "continuous" and self.algorithm not in ("bpi", "amp", "mf"):
            raise ValueError(
                f"weights: continuous is not offered for algorithm {self.algorithm!r}; allowed: bpi, amp, mf"
            )
        if self.weights == "continuous" and (self.labels == "ten_classes" or self.focusing or self.freeze_top):
            raise ValueError("weights: continuous goes with labels: odd_even, focusing: 0 and freeze_top: false only")
        if self.freeze_top and self.labels == "ten_classes":
            raise ValueError("freeze_top: true makes all ten classes the same unit; it goes with labels: odd_even only")
        for name, case in (("", self), *(self.cases or {}).items()):
            self._check_case(f"cases.{name}." if name else "", case)
        return self

    def _check_case(self, prefix: str, case: "TrainingParams | Case") -> None:
        layers = len(self.hidden) + 1
        for key in ("rho", "psi"):
            value = getattr(case, key)
            if isinstance(value, list) and len(value) != layers:
                raise ValueError(
                    f"{prefix}{key}: {len(value)} values for {layers} layers; give one number or one a layer"
                )
        rho = self.rho if case.rho is None else case.rho
        reinforcement = self.reinforcement if case.reinforcement is None else case.reinforcement
        if not any(_as_list(rho)) and not reinforcement:
            raise ValueError(f"{prefix}rho: 0 in every layer forgets each batch; give rho > 0, or reinforcement > 0")


class PerceptronParams(Parameters):
    """Message passing for one perceptron per realisation that sees all its patterns at once."""

    problem: Literal["teacher_student", "random_labels"] = Field(
        "teacher_student", description="whether a teacher perceptron or a coin gives the labels"
    )
    algorithm: Literal["amp", "bp", "bpi", "mf"] = Field("amp", description="message-passing rule")
    reference: Literal["amp", "bp", "bpi", "mf"] | None = Field(
        None, description="a second rule that runs beside the first; its distance from the first is recorded"
    )
    inputs: list[Odd] = Field([1001], min_length=1, description="numbers of inputs N")
    loads: list[Positive] = Field([1.0], min_length=1, description="loads α = P/N")
    sweeps: int = Field(40, ge=1, description="largest number of sweeps")
    epsilon: float = Field(0.0, ge=0, description="scale ε of the initial fields")
    psi: Fraction = Field(0.0, description="damping ψ of the mean weights")
    reinforcement: Fraction = Field(0.0, description="reinforcement r of the first ten sweeps")
    reinforcement_step: Fraction = Field(0.0, description="part by which 1 − r shrinks in each later sweep")


class CommitteeParams(Parameters):
    """Committees (top weights 1) of binary weights on random-feature data, for several numbers of features."""

    algorithm: Literal["online_bp", "focusing_bp", "binarynet", "sbpi"] = Field(
        description="BPI with batches of one pattern; focusing BP on all patterns at once; gradient descent with the "
        "straight-through estimator; LAL-SBPI"
    )
    features: list[Odd] = Field([303], min_length=1, description="numbers of features N, the inputs of the committee")
    hidden_units: Odd = Field(27, description="units K of the committee")
    latent_dimension: Odd = Field(101, description="dimension D of the latent patterns")
    samples: int = Field(303, ge=1, description="training patterns P; there are 2P for the test")
    epochs: int = Field(20, ge=1, description="passes over the patterns (at most, for sbpi); sweeps of focusing_bp")
    batch_size: int = Field(1, ge=1, description="patterns a mini-batch, of binarynet")
    learning_rate: float = Field(1.0, gt=0, description="step of binarynet")
    rho: float = Field(1.0, ge=0, description="decay ρ of the prior, of online_bp")
    psi: Fraction = Field(0.0, description="damping ψ of the mean weights, of online_bp and focusing_bp")
    epsilon: float = Field(0.1, gt=0, description="scale ε of the initial fields, of online_bp and focusing_bp")
    focusing: float = Field(21.0, gt=1, description="number of replicas y, of focusing_bp")
    coupling: Annotated[list[Positive], Field(min_length=2, max_length=2)] = Field(
        [0.1, 5.0], description="coupling γ of the replicas in the first and in the last sweep, of focusing_bp"
    )
    margin: float = Field(1.0, ge=0, description="θ_m of sbpi's secondary rule")
    probability: float = Field(0.3, ge=0, le=1, description="p_s of sbpi's secondary rule")
    matrix_features: list[Odd] = Field([], description="numbers of features whose unit overlaps are kept as a matrix")

    @model_validator(mode="after")
    def _known_sizes(self) -> "CommitteeParams":
        unknown = set(self.matrix_features) - set(self.features)
        if unknown:
            raise ValueError(f"matrix_features: {min(unknown)} is not one of features; allowed: {self.features}")
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: {self.batch_size} is larger than samples: {self.samples}")
        return self


class TimingParams(Parameters):
    """Seconds an epoch, measured on part of one."""

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
    def _one_count_each(self) -> "TimingParams":
        if len(self.batches) != len(self.batch_sizes):
            raise ValueError(f"batches: {len(self.batches)} numbers for {len(self.batch_sizes)} batch_sizes")
        return self


TASKS: dict[str, type[Parameters]] = {
    "training": TrainingParams,
    "perceptron": PerceptronParams,
    "committee": CommitteeParams,
    "timing": TimingParams,
}
