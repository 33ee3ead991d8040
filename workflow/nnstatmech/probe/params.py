"""Parameters of probes of networks, at initialisation and in the course of training."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..parameters import Cost, Parameters

START_SECONDS, START_MB = 8.0, 700.0  # imports, and what differentiating forwards compiles
SECONDS_PER_IMAGE = 0.01  # of the networks that come with the family
ROWS_MB = 400.0  # activations of a small network
FEWEST_ROWS = 64  # below it, statistics of a batch follow its noise: chi of held and batch differ by factors

Argument = bool | int | float | str | None | list[int] | list[float] | list[str]


class Probed(Parameters):
    """Which network is probed, on how many images and how."""

    needs: ClassVar[Literal["images", "labels"] | None] = "images"
    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "step": "int32",
        "block": "int32",
        "name": "category",
        "kind": "category",
        "shape": "category",
        "parameters": "int64",
        "multiply_adds": "int64",
        "batch_norm": "category",
        "quantity": "category",
        "value": "float64",
    }
    files: ClassVar[tuple[str, ...]] = ("file",)

    model: str = Field(
        "examples:mlp",
        pattern=r"^.+:\w[\w.]*$",
        description="the function that makes the network: my_models.py:build, torchvision:resnet18, timm:…, or one of"
        " the examples that come with the family, examples:mlp",
    )
    arguments: dict[str, Argument] = Field(default_factory=dict, description="keyword arguments of that function")
    file: str | None = Field(None, description="the file of the model, if it is one of your own; follows from `model`")
    images: int = Field(64, ge=2, description="images that noise and gradients are measured on")
    cascade_images: int = Field(512, ge=8, description="images that the reconstruction cascade may take at most")
    lenses: list[Literal["noise", "gradient", "cascade"]] = Field(
        default_factory=lambda: ["noise", "gradient", "cascade"], min_length=1, description="what is measured"
    )
    batch_norm: Literal["auto", "held", "batch", "running"] = Field(
        "auto",
        description="mean and variance of batch normalisation: those of the batch, held constant; of the batch; running"
        " averages; auto: held where running averages are initial",
    )
    layout: str | None = Field(
        None, description="letters of the axes where they cannot be found: BCHW, TBD, … (B images, C or D features)"
    )
    fine: bool = Field(
        False, description="keep every bottleneck: normalisations and activations are blocks of their own"
    )

    @model_validator(mode="before")
    @classmethod
    def name_the_file(cls, values: Any) -> Any:
        """The content of a model's file is part of what a run is."""
        if not isinstance(values, dict):
            return values
        where = str(values.get("model", "")).rpartition(":")[0]
        return values | {"file": where if where.endswith(".py") else None}

    def cost(self, seeds: int) -> Cost:
        """What a shard of ``seeds`` networks takes; the size of a network is not known before it is made."""
        one = 2.0 + SECONDS_PER_IMAGE * self.cascade_images
        return Cost(START_SECONDS + one * seeds, START_MB + ROWS_MB + 2 * self.cascade_images)


class Initialisation(Probed):
    """Networks at initialisation, one a realisation."""


class Training(Probed):
    """A network before, during and after training by stochastic gradient descent, one a realisation."""

    needs: ClassVar[Literal["images", "labels"] | None] = "labels"

    steps: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: [0, 30, 300],
        min_length=1,
        description="numbers of minibatches after which it is probed",
    )
    batch_size: int = Field(64, ge=1, description="images of each minibatch")
    learning_rate: float = Field(0.01, gt=0, description="η of stochastic gradient descent")
    momentum: float = Field(0.9, ge=0, lt=1, description="μ of stochastic gradient descent")
    classes: int = Field(10, ge=2, description="classes that the network tells apart")
    test_images: int = Field(1000, ge=1, description="test images, at most, that its accuracy is measured on")

    @model_validator(mode="after")
    def check_steps(self) -> Self:
        if self.steps != sorted(set(self.steps)):
            raise ValueError(f"steps = {self.steps}: must increase, each number once")
        return self

    def class_range(self) -> tuple[int, int | None]:
        return 2, self.classes

    def cost(self, seeds: int) -> Cost:
        """What a shard of ``seeds`` networks takes."""
        probe = super().cost(1)
        one = (probe.cpu_seconds - START_SECONDS) * len(self.steps) + 0.02 * self.steps[-1]
        return Cost(START_SECONDS + seeds * one, probe.memory_mb)
