"""What each task of the family takes. Declarations and checks only: engines compute, this module does not."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ..parameters import Parameters


def require_odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd, so that a sum of ±1 is never 0")
    return value


OddSize = Annotated[int, Field(ge=1), AfterValidator(require_odd)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class PerceptronParams(Parameters):
    """Full-batch message passing for one perceptron per realisation."""

    problem: Literal["teacher_student", "random_labels"] = Field(
        "teacher_student", description="Whether a teacher perceptron or a coin gives the labels."
    )
    algorithm: Literal["amp", "bp", "bpi", "mf"] = Field("amp", description="The message-passing rule.")
    reference: Literal["amp", "bp", "bpi", "mf"] | None = Field(
        None, description="A second rule, run beside the first, whose distance from it is recorded."
    )
    inputs: OddSize = Field(1001, description="Number N of inputs.")
    loads: list[Positive] = Field([1.0], min_length=1, description="Loads α = P/N.")
    sweeps: int = Field(40, ge=1, description="Sweeps of message passing.")
    initial_field: float = Field(0.0, ge=0, description="Standard deviation ε of the initial fields.")
    damping: Fraction = Field(0.0, description="Damping ψ of the means of the weights.")
    reinforcement: Fraction = Field(0.0, description="Reinforcement r of the first ten sweeps.")
    reinforcement_step: Fraction = Field(0.0, description="Part by which 1 − r shrinks in each later sweep.")


TASKS: dict[str, type[Parameters]] = {
    "perceptron": PerceptronParams,
}
