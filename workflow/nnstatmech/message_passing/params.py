"""Parameters of the message-passing tasks: declarations and checks only."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ..parameters import Parameters

Rho = Annotated[float, Field(ge=0)]
Psi = Annotated[float, Field(ge=0, lt=1)]
PerLayer = Annotated[list[float], Field(min_length=1)]


def _as_list(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


class Case(Parameters):
    """One of several settings that are computed together; what is not given is that of the run."""

    rho: Rho | list[Rho] | None = Field(None, description="decay ρ of the prior, one number or one a layer")
    psi: Psi | list[Psi] | None = Field(None, description="damping ψ, one number or one a layer")
    epsilon: float | None = Field(None, ge=0, description="scale ε of the initial fields")
    reinforcement: float | None = Field(None, ge=0, description="reinforcement r within a batch")
    learning_rate: float | None = Field(None, gt=0, description="step of the gradient baselines")


class TrainingParams(Parameters):
    """One classifier with binary weights, learning images by message passing or by gradient descent."""

    algorithm: Literal["bp", "bpi", "amp", "mf", "sgd", "adam_sgd"] = Field(
        description="message-passing rule of all layers, or a gradient baseline with the straight-through estimator"
    )
    hidden: list[Annotated[int, Field(ge=1)]] = Field([101, 101], description="hidden widths, odd so that no vote ties")
    labels: Literal["odd_even", "ten_classes"] = Field("odd_even", description="odd against even labels, or all ten")
    samples: int | None = Field(None, ge=1, description="training images P; all where the set has fewer, or null")
    subset_seed: int | None = Field(
        17, description="which P images: one choice for all realisations, or null for one drawn with each seed"
    )
    batch_size: int = Field(128, ge=1, description="images a mini-batch M; an incomplete last batch is dropped")
    epochs: int = Field(100, ge=0, description="passes over the training images")
    evaluate_every: int = Field(1, ge=1, description="epochs from one evaluation to the next; the last is always there")
    bayes: bool = Field(True, description="also evaluate the prediction averaged over the posterior")

    rho: Rho | list[Rho] = Field(
        1.0001, description="decay ρ of the prior from batch to batch; one number or one a layer"
    )
    psi: Psi | list[Psi] = Field(0.8, description="damping ψ of the mean weights; one number or one a layer")
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
        3.0, ge=0, description="smallest √V / max|x| below which a layer takes the exact kernel"
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

    @field_validator("hidden")
    @classmethod
    def _odd(cls, hidden: list[int]) -> list[int]:
        even = [width for width in hidden if width % 2 == 0]
        if even:
            raise ValueError(f"hidden: {even[0]} is even, and a vote of {even[0]} units can tie; give odd widths")
        return hidden

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
            raise ValueError(
                f"{prefix}rho: 0 in every layer forgets each batch; give rho > 0 (or reinforcement > 0 within one full batch)"
            )


TASKS: dict[str, type[Parameters]] = {"training": TrainingParams}
