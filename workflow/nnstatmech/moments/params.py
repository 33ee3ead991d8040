"""Parameters of the propagation of signal and noise through one random network."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..parameters import Cost, Parameters

# What jobs are expected to take, for images of CIFAR-10. Constants were fitted to whole realisations at both scales,
# which they meet within a quarter; the products are those of a core with 100 GFLOP/s in MKL.
POSITIONS, PIXELS = 16 * 16, 32 * 32 * 3  # the first convolution halves height and width
CONVOLUTION_FLOPS = 190e9  # a second: oneDNN convolves almost twice as fast as MKL multiplies
WINOGRAD = {64: 0.45, 128: 0.42, 256: 0.37, 512: 0.33}  # of the time of 3x3 convolutions, from so many channels on
PRODUCT_FLOPS = 100e9
SECONDS_PER_VARIATE = 2.5e-9
SECONDS_PER_PIXEL = 15e-9  # drawing noise, normalising
SMALL = 128  # the largest width, and four times the largest batch, of convolutional experiments at laptop scale
START_SECONDS, START_MB = 4.0, 550.0  # imports, and the whole data set


class Propagation(Parameters):
    """One random network, one batch of images and one input noise a realisation (Labatie 2019)."""

    needs = "images"
    later: ClassVar[tuple[str, ...]] = (
        "activation",
        "weight_variance",
        "bias_variance",
        "batch_statistics",
        "noise_precision",
        "gradients",
    )
    columns: ClassVar[Mapping[str, str]] = {
        "seed": "int32",
        "depth": "int32",
        "location": "category",
        "quantity": "category",
        "value": "float64",
    }

    architecture: Literal["vanilla", "bn_ff", "bn_res"] = Field(
        description="vanilla ReLU network, batch-normalised feed-forward network, or batch-normalised resnet"
    )
    depth: int = Field(200, ge=1, description="number of layers L, or of residual units in bn_res")
    width: int = Field(128, ge=2, description="number of channels N of every layer")
    batch_size: int = Field(16, ge=2, description="number of images B of a realisation")
    kernel_size: int = Field(3, ge=1, description="side k of the kernels in pixels; 1 = fully connected")
    boundary: Literal["periodic", "symmetric", "zero_padding"] = Field(
        "periodic", description="what convolutions see beyond the edges; irrelevant for kernel_size 1"
    )
    epsilon: float = Field(1e-3, ge=0, description="added to the variances in batch normalisation")
    residual_depth: int = Field(2, ge=1, description="pre-activation layers H in each residual unit of bn_res")
    measurements: int = Field(20, ge=1, description="number of measured depths, equally spaced up to `depth`")
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
    tf32: bool = Field(
        False,
        description="let CUDA round activations and weights to TensorFloat-32 where it multiplies them (faster)",
    )
    activation: Literal["relu", "leaky_relu", "tanh", "erf", "gelu", "silu"] = Field(
        "relu", description="the non-linearity; leaky_relu has the slope 0.01 below zero"
    )
    weight_variance: float = Field(
        2.0, gt=0, description="σ_w² of hidden layers: weights have the variance σ_w² / fan-in; 2 is He's value"
    )
    bias_variance: float = Field(
        0.0, ge=0, description="σ_b²: variance of the biases of hidden layers of vanilla networks"
    )
    batch_statistics: Literal["held", "differentiated"] = Field(
        "held",
        description=(
            "batch normalisation of the noise: mean and variance of the batch as constants, as in the work, or"
            " differentiated too, as training sees them"
        ),
    )
    noise_precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description=(
            "what convolutions of the noise round noise and weights to; the signal is untouched. bfloat16 is faster"
            " where the machine multiplies it faster"
        ),
    )
    gradients: bool = Field(
        False,
        description=(
            "measure gradients too: their mean square at the output of each layer for a Gaussian cotangent at the last"
            " one; for fully connected networks, whose weights are drawn then"
        ),
    )

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
    def check_biases(self) -> Self:
        if self.bias_variance and self.architecture != "vanilla":
            raise ValueError(
                f"bias_variance = {self.bias_variance}: batch normalisation takes biases out again; must be 0 for"
                f" architecture = {self.architecture!r}"
            )
        return self

    @model_validator(mode="after")
    def check_gradients(self) -> Self:
        if self.gradients and (self.kernel_size > 1 or self.weights == "gram"):
            raise ValueError(
                f"gradients: need kernel_size = 1 and weights = 'auto' or 'drawn', got kernel_size = {self.kernel_size}"
                f" and weights = {self.weights!r}"
            )
        return self

    @model_validator(mode="after")
    def check_noise_precision(self) -> Self:
        """What rounding does was measured at laptop sizes only: ``benchmarks/moments_precision.py``."""
        if self.noise_precision == "bfloat16" and (
            self.kernel_size == 1 or max(4 * self.batch_size, self.width) > SMALL
        ):
            raise ValueError(
                f"noise_precision = 'bfloat16': needs kernel_size > 1, batch_size <= {SMALL // 4} and width <= {SMALL},"
                " the sizes at which its bias is known to be negligible"
            )
        return self

    @model_validator(mode="after")
    def check_weights(self) -> Self:
        if self.weights == "gram" and (self.kernel_size > 1 or 2 * self.batch_size > self.width):
            raise ValueError(
                f"weights = 'gram': needs kernel_size = 1 and 2 * batch_size <= width, got kernel_size ="
                f" {self.kernel_size}, batch_size = {self.batch_size}, width = {self.width}"
            )
        return self

    @property
    def layers(self) -> int:
        """Number of hidden layers: those inside the units of resnets count."""
        return self.depth * (self.residual_depth if self.architecture == "bn_res" else 1)

    @property
    def rows(self) -> int:
        """Number of feature vectors of a batch: images times positions."""
        return self.batch_size * (1 if self.kernel_size == 1 else POSITIONS)

    def cost(self, seeds: int) -> Cost:
        """What a shard of ``seeds`` realisations takes; on a GPU, its host."""
        normalised = self.architecture != "vanilla"
        one = self.layers * self.layer_seconds(4e-9 if normalised else 1e-9) + self.rank_seconds()
        one += self.batch_size * PIXELS * SECONDS_PER_PIXEL
        memory = 80 * self.batch_size * PIXELS  # double precision, several times over
        if self.kernel_size == 1:
            memory += 80 * self.width * PIXELS  # weights of the first layer, of several realisations at once
        else:  # padded inputs, pre-activations and copies, in single precision
            memory += (3.2 if normalised else 2.2) * 4 * 2 * self.batch_size * (16 + 2) ** 2 * self.width
        return Cost(START_SECONDS + seeds * one, START_MB + memory / 1e6)

    def layer_seconds(self, seconds_per_activation: float) -> float:
        """One layer of one realisation: its product for signal and noise, fresh weights, passes over activations."""
        activations = 2 * self.rows * self.width
        if (
            self.kernel_size == 1
            and 2 * self.batch_size < self.width
            and self.weights != "drawn"
            and not self.gradients
        ):
            variates = activations
            # The Gram matrix, its factor, and the factor times the variates; partly in double precision.
            product = 4 * (2 * self.rows * 2 * activations) / PRODUCT_FLOPS
        else:
            variates = self.kernel_size**2 * self.width**2
            product = 2 * self.rows * 2 * variates / CONVOLUTION_FLOPS
            if self.kernel_size == 3:
                product *= min((share for width, share in WINOGRAD.items() if self.width >= width), default=1.0)
        passes = 2.5 if self.gradients else 1.0  # signal, then gradients, with the weights drawn for each
        return passes * (product + SECONDS_PER_VARIATE * variates + seconds_per_activation * activations)

    def rank_seconds(self) -> float:
        """All effective ranks of one realisation: covariance matrices and their eigenvalues (8 n^3 operations)."""
        tensors = {"none": 0, "signal": 1, "signal_and_noise": 2}[self.effective_ranks]
        size = min(self.width, self.rows)
        operations = 2 * self.rows * self.width * size + 8 * size**3
        return self.measurements * tensors * operations / PRODUCT_FLOPS
