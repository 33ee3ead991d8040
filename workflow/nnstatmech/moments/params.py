"""Parameters of the propagation of signal and noise through one random network."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ..parameters import Parameters


class Propagation(Parameters):
    """One random network, one batch of images and one input noise a realisation (Labatie 2019)."""

    architecture: Literal["vanilla", "bn_ff", "bn_res"] = Field(
        description="vanilla ReLU network, batch-normalised feed-forward network, or batch-normalised resnet"
    )
    depth: int = Field(ge=1, description="number of layers L, or of residual units in bn_res")
    width: int = Field(ge=2, description="number of channels N of every layer")
    batch_size: int = Field(ge=2, description="number of images B of a realisation")
    kernel_size: int = Field(3, ge=1, description="side k of the kernels in pixels; 1 = fully connected")
    boundary: Literal["periodic", "symmetric", "zero_padding"] = Field(
        "periodic", description="what convolutions see beyond the edges; irrelevant for kernel_size 1"
    )
    epsilon: float = Field(1e-3, ge=0, description="added to the variances in batch normalisation")
    residual_depth: int = Field(2, ge=1, description="pre-activation layers H in each residual unit of bn_res")
    measurements: int = Field(100, ge=1, description="number of measured depths, equally spaced up to `depth`")
    effective_ranks: Literal["none", "signal", "signal_and_noise"] = Field(
        "signal_and_noise", description="tensors whose effective rank is measured"
    )
    image_stream: Literal["independent", "published"] = Field(
        "independent",
        description=(
            "images and input noise of realisation i: of a stream of its own, or those of simulation i of the published"
            " experiments (legacy NumPy stream of seed 0, same order of the images); the latter draws all earlier ones"
        ),
    )
    weights: Literal["auto", "drawn", "gram"] = Field(
        "auto",
        description=(
            "fully connected layers: draw the weights, or draw the pre-activations from their Gaussian law given the"
            " Gram matrix of the inputs (same distribution; cheaper if 2 * batch_size < width, then chosen by auto)"
        ),
    )
    tf32: bool = Field(False, description="let CUDA convolutions round their inputs to TensorFloat-32 (faster)")

    @model_validator(mode="after")
    def check_measurements(self) -> Self:
        if self.depth % self.measurements:
            raise ValueError(
                f"depth = {self.depth}: must be a multiple of measurements = {self.measurements}, so that the measured"
                " depths are equally spaced"
            )
        return self

    @model_validator(mode="after")
    def check_boundary(self) -> Self:
        if self.boundary == "symmetric" and self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size = {self.kernel_size}: must be odd for boundary = 'symmetric'")
        return self

    @model_validator(mode="after")
    def check_weights(self) -> Self:
        if self.weights == "gram" and (self.kernel_size > 1 or 2 * self.batch_size > self.width):
            raise ValueError(
                f"weights = 'gram': needs kernel_size = 1 and 2 * batch_size <= width, got kernel_size ="
                f" {self.kernel_size}, batch_size = {self.batch_size}, width = {self.width}"
            )
        return self


TASKS = {"propagation": Propagation}
