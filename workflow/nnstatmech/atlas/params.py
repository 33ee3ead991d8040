"""Parameters of the atlas: planes of networks, their training, and the scores that are to foretell it."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..parameters import Cost, Parameters

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

START_SECONDS, START_MB = 8.0, 800.0
# Of a network of the default width and a layer, or block: all scores and the probe, and one training step.
SCORES_SECONDS = {"residual": 0.045, "convolutional": 0.15, "transformer": 0.25}
STEP_SECONDS = {"residual": 1.1e-4, "convolutional": 4e-4, "transformer": 1.9e-3}
DENSE_SCORES_SECONDS, DENSE_STEP_SECONDS = 0.03, 7e-5
MEMBER_MB = 0.6  # weights, velocities and activations of one network, a layer


class Cells(Parameters):
    """One plane of the atlas: networks of one kind, over initialisation and depth, scored and then trained."""

    needs: ClassVar = "labels"
    later: ClassVar = ("probe_images",)
    columns: ClassVar = {
        "seed": "int32",
        "initial_value": "float64",
        "depth": "int32",
        "block": "int32",
        "step": "int32",
        "rate": "float64",
        "quantity": "category",
        "value": "float64",
        "seconds": "float64",
    }

    plane: Literal[
        "dense_tanh",
        "dense_relu",
        "dense_batch_norm",
        "dense_layer_norm",
        "residual",
        "convolutional",
        "transformer",
    ] = Field("dense_tanh", description="kind of network, see nnstatmech.atlas.planes")
    values: list[Positive] = Field(
        [0.5, 1.0, 1.76, 2.5, 4.0],
        min_length=1,
        description="of the initialisation: σ_w² of plain networks, gain γ of normalised ones, scale of the branches of"
        " residual ones",
    )
    depths: list[Count] = Field([2, 5, 10, 20], min_length=1, description="numbers of hidden layers, or of blocks")
    width: int = Field(64, ge=4, description="units of a layer; a quarter as many channels; twice as much as a token")
    resolution: int = Field(14, ge=8, description="side of the grey images in pixels")
    classes: int = Field(10, ge=2, description="classes that the networks tell apart")
    steps: list[Count] = Field(
        [50, 100, 200], min_length=1, description="numbers of minibatches after which the accuracy is measured"
    )
    chosen_after: int = Field(
        50, ge=1, description="minibatches after which the learning rate of the smallest training loss goes on alone"
    )
    rates: list[Positive] = Field(
        [0.001, 0.01, 0.03, 0.1], min_length=1, description="candidates for η of stochastic gradient descent"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="μ of stochastic gradient descent")
    batch_size: int = Field(64, ge=2, description="images in a minibatch")
    score_images: int = Field(32, ge=4, description="images that the scores see")
    probe_images: int = Field(
        256, ge=8, description="images that the probe sees, whose findings are compared with what trains"
    )
    test_images: int = Field(1000, ge=1, description="test images, at most, that the accuracy is measured on")

    @model_validator(mode="after")
    def check_steps(self) -> Self:
        if self.steps != sorted(set(self.steps)):
            raise ValueError(f"steps = {self.steps}: must increase, each number once")
        if self.chosen_after > self.steps[-1]:
            raise ValueError(
                f"chosen_after = {self.chosen_after}: must be at most the last of steps = {self.steps}, up to which the"
                " networks are trained"
            )
        return self

    def class_range(self) -> tuple[int, int]:
        return 2, self.classes

    def cost(self, seeds: int) -> Cost:
        """Scores, then all rates up to the choice and one from there on; networks of one depth are held at once."""
        layers = sum(self.depths) * len(self.values)
        trained = len(self.rates) * self.chosen_after + self.steps[-1] - self.chosen_after
        scores = SCORES_SECONDS.get(self.plane, DENSE_SCORES_SECONDS)
        step = STEP_SECONDS.get(self.plane, DENSE_STEP_SECONDS)
        seconds = layers * (scores + step * trained) * self.width / 64
        held = MEMBER_MB * max(self.depths) * len(self.values) * len(self.rates)
        return Cost(START_SECONDS + seeds * seconds, START_MB + held)
