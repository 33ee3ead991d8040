"""Parameters of the reconstruction cascades and of the trained networks beside them."""

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..parameters import Cost, Parameters

Depth = Annotated[int, Field(ge=1)]
WeightVariance = Annotated[float, Field(ge=0)]

CLASSES = (2, 10)  # of the images that a network of ten outputs can learn to tell apart

# What costs are made of, calibrated on jobs at both scales; estimates are right within a factor of two.
MULTIPLICATIONS = 1e11  # floating-point operations a second of large matrix products
CONVOLUTIONS = 5e10  # of many small convolutions, in groups
CALL = 5e-5  # seconds of one layer's call, however small
PATCH = 3e-9  # seconds in which one number of a convolutional layer's patches is copied
UPDATE = 3e-9  # seconds in which Adam updates one parameter
LOADED = 500  # MB of a process that has loaded PyTorch
MEGABYTE = 1e6
ENSEMBLE_BYTES = 2e8  # of networks that are trained together on a CPU
CPU_BYTES = 2e9  # of any together: what takes hours could not be cut off without losing them

PICTURES = {"pixels": "list<float32>", "height": "int32", "width": "int32", "channels": "int32"}


def shrinking_weights(inputs: int, depth: float) -> float:
    """Number of weights of a network whose ``depth`` sizes fall linearly from ``inputs`` to few: n² L / 3."""
    return depth * inputs**2 / 3


def pixels_after_stem(resolution: int) -> int:
    """Pixels of an image after two convolutions of stride 2."""
    return math.ceil(math.ceil(resolution / 2) / 2) ** 2


def check_convolutional(architecture: str, resolution: int, depth: int) -> None:
    """Refuse what the stem of three convolutions leaves nothing of."""
    if depth < 4:
        raise ValueError(f"depth = {depth}: a {architecture} needs at least 4, its stem has 3 layers")
    if resolution < 9:
        raise ValueError(f"resolution = {resolution}: a {architecture} needs at least 9 pixels a side")


class Entropies(Parameters):
    """Reconstruction cascades through random networks, from many depths and for many σ_w² at once."""

    needs: ClassVar = "images"
    columns: ClassVar = {
        "seed": "int32",
        "weight_variance": "float64",
        "depth": "int32",
        "mode": "int32",
        "quantity": "category",
        "value": "float64",
    }

    architecture: Literal["wide", "shrinking", "cnn", "resnet"] = Field(
        "wide",
        description="wide: square dense layers; shrinking: dense layers down to 10 units; cnn, resnet: a stem of three "
        "convolutions, then periodic convolutions or residual blocks",
    )
    depth: int = Field(100, ge=1, description="number L of layers (blocks) that are decoded, the stem included")
    resolution: int = Field(14, ge=4, description="side of the grey images in pixels")
    channels: int = Field(16, ge=1, description="channels of every convolution (cnn and resnet only)")
    weight_variances: list[WeightVariance] = Field(
        [0.5, 1.0, 1.5, 1.75, 2.0, 3.0, 4.0], min_length=1, description="values of σ_w², computed side by side"
    )
    bias_variance: float = Field(0.05, ge=0, description="σ_b²")
    decoder: Literal["ridge", "adam"] = Field(
        "ridge", description="ridge: closed form; adam: trained by gradient descent, as in the original work"
    )
    ridge_strength: float = Field(
        1e-3, ge=1e-7, description="λ of ridge decoders: variances of activations below it are not decoded"
    )
    presentations: int = Field(
        60000, ge=1, description="images shown to an Adam decoder, with repetition; 60000 is one epoch of MNIST"
    )
    batch_size: int = Field(64, ge=1, description="images of each step of Adam")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam")
    train_images: int = Field(2048, ge=2, description="decoders are fitted on at most this many training images")
    test_images: int = Field(100, ge=2, description="cascades are evaluated on at most this many test images")
    evaluated_depths: int = Field(
        34, ge=1, description="cascades start from at most this many depths, evenly spread from 1 to L"
    )
    lowest_explained_variance: float = Field(
        0.1, gt=0, lt=1, description="the R² below which information counts as lost"
    )
    entropy_drop: float = Field(
        2.0, gt=0, description="fall of the differential entropy, in nats, at which information counts as lost"
    )
    settling_tolerance: float = Field(
        0.005, gt=0, description="relative change below which the original work's cutoff counts a curve as settled"
    )
    bootstrap_replicates: int = Field(50, ge=2, description="resamplings of the test images behind the error bars")
    memory: float = Field(
        0.25,
        gt=0,
        description="memory, in GB, for the networks computed at once: little suits a CPU's caches, much fills a GPU",
    )

    @model_validator(mode="after")
    def check_networks(self) -> Self:
        if len(set(self.weight_variances)) < len(self.weight_variances):
            raise ValueError("weight_variances holds a value twice; each value may stand there once")
        if self.convolutional:
            check_convolutional(self.architecture, self.resolution, self.depth)
        return self

    @property
    def convolutional(self) -> bool:
        return self.architecture in ("cnn", "resnet")

    @property
    def regression(self) -> tuple[int, int, int]:
        """Of one layer: rows an image, numbers in a row, and targets that are predicted from them."""
        if not self.convolutional:
            return 1, self.resolution**2, self.resolution**2
        window = {"cnn": 3, "resnet": 5}[self.architecture]
        return pixels_after_stem(self.resolution), window**2 * self.channels, self.channels

    def network_bytes(self, train_images: int | None = None, decoders: int = 1) -> float:
        """Memory of one network: the decoders of all layers, of one or several kinds, and activations.

        Those of the training images before and after a layer with their shifted copies, those of the test images of
        every depth with their reconstructions.
        """
        _, features, targets = self.regression
        weights = self.depth * features * targets
        if self.architecture == "shrinking":
            weights = shrinking_weights(features, self.depth)
        widest = self.resolution**2 * (self.channels if self.convolutional else 1)
        shown = self.train_images if train_images is None else train_images
        images = 4 * shown + 2 * self.test_images * min(self.evaluated_depths, self.depth)
        return 4 * (decoders * weights + images * widest)

    def cost(self, seeds: int) -> Cost:
        """Products of ridge regression (forward, Gram matrix, targets, solution) or of Adam's steps, and the cascades.

        Convolutional layers copy the patches that they multiply.

        A layer's regression has ``pixels`` rows an image, ``features`` numbers a row and ``targets`` to predict.
        """
        pixels, features, targets = self.regression
        depths = min(self.evaluated_depths, self.depth)
        product = 2 * pixels * features * targets  # one image's pass through one decoder
        if self.decoder == "ridge":
            fit = self.train_images * (2 * product + 2 * pixels * features**2) + 5 * features**3
            seconds = fit / MULTIPLICATIONS
        else:
            steps = self.presentations / self.batch_size
            seconds = 3 * self.presentations * product / MULTIPLICATIONS + steps * UPDATE * features * targets
        decoded = self.test_images * depths / 2
        seconds += decoded * product / MULTIPLICATIONS
        if self.convolutional:
            fitted = self.train_images if self.decoder == "ridge" else self.presentations
            seconds += (fitted + decoded) * pixels * features * PATCH
        networks = seeds * len(self.weight_variances)
        one = self.network_bytes()
        # Copies double what the engine counts. More than CPU_BYTES is held by a GPU, beside this memory.
        held = 2 * min(networks * one, max(min(1e9 * self.memory, CPU_BYTES), one))
        return Cost(1.2 * networks * self.depth * (seconds + CALL), LOADED + held / MEGABYTE)


class Classification(Parameters):
    """Accuracy of convolutional networks after a few steps of training, for many σ_w² at once."""

    needs: ClassVar = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "weight_variance": "float64",
        "step": "int32",
        "quantity": "category",
        "value": "float64",
    }

    architecture: Literal["cnn", "resnet"] = Field("resnet", description="what follows the stem of three convolutions")
    depth: int = Field(22, ge=4, description="number of layers (blocks) before the head, the stem included")
    resolution: int = Field(28, ge=9, description="side of the grey images in pixels")
    channels: int = Field(8, ge=1, description="channels of every convolution")
    weight_variances: list[WeightVariance] = Field(
        [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.2, 2.0, 4.0], min_length=1, description="initial σ_w², trained side by side"
    )
    bias_variance: float = Field(2e-5, ge=0, description="initial σ_b²")
    tanh_output: bool = Field(False, description="whether the outputs pass a tanh, as in the original work")
    steps: int = Field(160, ge=1, description="minibatches of stochastic gradient descent")
    batch_size: int = Field(64, ge=1, description="images of each step")
    learning_rate: float = Field(1e-2, gt=0, description="η of stochastic gradient descent")
    momentum: float = Field(0.9, ge=0, lt=1, description="μ of stochastic gradient descent")
    train_images: int = Field(60000, ge=1, description="at most this many training images")
    test_images: int = Field(500, ge=1, description="at most this many test images")

    def class_range(self) -> tuple[int, int]:
        return CLASSES

    def cost(self, seeds: int) -> Cost:
        """Three convolutions (forward, two backward) of every map and image; activations are kept for the gradient."""
        maps = {"cnn": 1, "resnet": 2}[self.architecture] * self.depth
        pixels = pixels_after_stem(self.resolution)
        product = 2 * pixels * 9 * self.channels**2 * maps
        images = 3 * self.steps * self.batch_size + self.test_images
        networks = seeds * len(self.weight_variances)
        kept = 8 * 4 * self.batch_size * pixels * self.channels * maps
        seconds = networks * images * product / CONVOLUTIONS + 10 * CALL * maps * self.steps
        return Cost(seconds, LOADED + networks * kept / MEGABYTE)


class Trainability(Parameters):
    """Accuracy after a few steps of training on a grid of weight variance and depth."""

    needs: ClassVar = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "depth": "int32",
        "weight_variance": "float64",
        "step": "int32",
        "quantity": "category",
        "value": "float64",
    }

    resolution: int = Field(
        10, ge=2, description="side of the grey images in pixels; hidden layers have its square as units"
    )
    depths: list[Depth] = Field(
        [5, 10, 20, 30, 40, 50, 60],
        min_length=1,
        description="numbers of hidden tanh layers L; a linear readout follows",
    )
    weight_variances: list[WeightVariance] = Field(
        [0.5 + 0.25 * step for step in range(15)], min_length=1, description="initial σ_w², trained side by side"
    )
    bias_variance: float = Field(0.05, ge=0, description="initial σ_b²")
    steps: int = Field(200, ge=1, description="minibatches in all")
    measure_every: int = Field(50, ge=1, description="minibatches between two measurements of the accuracy")
    batch_size: int = Field(64, ge=1, description="images in a minibatch")
    learning_rate: float = Field(3e-3, gt=0, description="η of stochastic gradient descent")
    momentum: float = Field(0.9, ge=0, lt=1, description="μ of stochastic gradient descent")
    test_images: int = Field(1000, ge=1, description="at most this many test images")

    @model_validator(mode="after")
    def check_steps(self) -> Self:
        if self.steps % self.measure_every:
            raise ValueError(
                f"steps = {self.steps}: must be a multiple of measure_every = {self.measure_every}, so that the last"
                " step is measured"
            )
        return self

    def class_range(self) -> tuple[int, int]:
        return CLASSES

    def cost(self, seeds: int) -> Cost:
        """Three products a layer and step, and the measurements; the networks of one depth are held together."""
        units = self.resolution**2
        images = 3 * self.steps * self.batch_size + self.steps // self.measure_every * self.test_images
        layers = seeds * sum(self.depths)
        seconds = layers * len(self.weight_variances) * 2 * images * units**2 / MULTIPLICATIONS
        one = self.network_bytes(max(self.depths))
        held = min(seeds * len(self.weight_variances) * one, max(ENSEMBLE_BYTES, one))
        return Cost(seconds + 4 * CALL * layers * self.steps, LOADED + held / MEGABYTE)

    def network_bytes(self, depth: int) -> float:
        """Memory of one network while it is trained: weights, their velocities, and activations."""
        units = self.resolution**2
        return 4 * depth * units * (2 * units + self.batch_size)


class Scores(Parameters):
    """Scores of networks at initialisation: what cascades, gradients and kernels say of how well they will train."""

    needs: ClassVar = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "depth": "int32",
        "weight_variance": "float64",
        "presentations": "int32",
        "quantity": "category",
        "value": "float64",
        "seconds": "float64",
    }

    architecture: Literal["wide", "cnn", "resnet"] = Field(
        "wide",
        description="wide: square tanh layers and a linear readout; cnn, resnet: a stem of three convolutions, then"
        " periodic convolutions or residual blocks",
    )
    inputs: Literal["dataset", "noise"] = Field(
        "dataset", description="what networks are scored on: the data set, or white noise of the same size"
    )
    resolution: int = Field(10, ge=4, description="side of the grey images in pixels")
    channels: int = Field(8, ge=1, description="channels of every convolution (cnn and resnet only)")
    depths: list[Depth] = Field(
        [5, 10, 20, 30, 40, 50, 60], min_length=1, description="numbers of hidden layers L before the readout"
    )
    weight_variances: list[WeightVariance] = Field(
        [0.5 + 0.25 * step for step in range(15)], min_length=1, description="values of σ_w²"
    )
    bias_variance: float = Field(0.05, ge=0, description="σ_b²")
    ridge_strength: float = Field(1e-3, ge=1e-7, description="λ of ridge decoders and of the linear probe")
    presentations: list[Annotated[int, Field(ge=1)]] = Field(
        [], description="for decoders trained by Adam: numbers of images that each is shown, none by default"
    )
    train_images: int = Field(2048, ge=2, description="decoders are fitted on at most this many training images")
    test_images: int = Field(100, ge=2, description="cascades are evaluated on at most this many test images")
    scored_images: int = Field(32, ge=2, description="images of scores that are made of gradients and kernels")

    @model_validator(mode="after")
    def check_networks(self) -> Self:
        if self.architecture != "wide":
            check_convolutional(self.architecture, self.resolution, min(self.depths))
        return self

    @property
    def widest(self) -> int:
        """Largest number of activations of an image."""
        return self.resolution**2 * (1 if self.architecture == "wide" else self.channels)

    def network_bytes(self) -> float:
        """Memory of one network's cascade: its decoders, and the activations of a layer."""
        window = {"wide": 0, "cnn": 3, "resnet": 5}[self.architecture]
        weights = window**2 * self.channels**2 if window else self.resolution**4
        images = 6 * self.train_images + 2 * self.test_images * len(self.depths)
        return 4 * (max(self.depths) * weights + images * self.widest)

    def cost(self, seeds: int) -> Cost:
        """Ridge regressions of all layers, steps of Adam, and a fraction of a second for a network's other scores."""
        units = self.widest if self.architecture == "wide" else 25 * self.channels
        layers = seeds * len(self.weight_variances) * max(self.depths)
        rows = self.train_images * (1 if self.architecture == "wide" else pixels_after_stem(self.resolution))
        seconds = layers * (6 * rows * units**2 + 5 * units**3) / MULTIPLICATIONS
        seconds += layers * sum(self.presentations) * (6 * units**2 / MULTIPLICATIONS + 4 * CALL / 64)
        seconds += 0.15 * seeds * len(self.weight_variances) * len(self.depths)
        held = max(self.network_bytes(), min(ENSEMBLE_BYTES, self.network_bytes() * len(self.weight_variances)))
        return Cost(1.2 * seconds, LOADED + 2 * held / MEGABYTE)


class Falling(Parameters):
    """The largest depth of shrinking networks that trains, followed along the weight variance."""

    needs: ClassVar = "labels"
    later: ClassVar = ("margin",)
    columns: ClassVar = {
        "seed": "int32",
        "attempt": "int32",
        "weight_variance": "float64",
        "depth": "int32",
        "quantity": "category",
        "value": "float64",
    }

    direction: Literal["falling", "rising"] = Field(
        "falling", description="whether σ_w² falls or rises from its first value"
    )
    resolution: int = Field(12, ge=4, description="side of the grey images in pixels")
    bias_variance: float = Field(0.05, ge=0, description="initial σ_b²")
    start_variance: float = Field(1.7, gt=0, description="first σ_w²")
    variance_step: float = Field(0.2, gt=0, description="step of σ_w²")
    lowest_variance: float = Field(0.1, gt=0, description="end of a falling walk")
    highest_variance: float = Field(4.0, gt=0, description="end of a rising walk")
    start_depth: int = Field(90, ge=2, description="depth of the first network: sizes from the image to the output")
    depth_step: int = Field(5, ge=1, description="how much the depth is lowered when a network does not train")
    threshold: float = Field(0.27, ge=0, le=1, description="test accuracy above which a network has trained")
    margin: float = Field(
        0.0,
        ge=0,
        description="standard errors of an accuracy by which the threshold is at least above what the same training"
        " makes of a network without hidden layers; 0: the threshold stands as it is",
    )
    epochs: int = Field(20, ge=1, description="passes over the training images before a network has failed")
    batch_size: int = Field(64, ge=1, description="images in a minibatch")
    learning_rate: float = Field(3e-3, gt=0, description="η of stochastic gradient descent")
    momentum: float = Field(0.9, ge=0, lt=1, description="μ of stochastic gradient descent")
    tanh_output: bool = Field(False, description="whether the output ends in a tanh, as in the original, or is linear")
    train_images: int = Field(3000, ge=1, description="at most this many training images")
    test_images: int = Field(500, ge=1, description="at most this many test images")

    @model_validator(mode="after")
    def check_start(self) -> Self:
        if not self.lowest_variance <= self.start_variance <= self.highest_variance:
            raise ValueError(
                f"start_variance = {self.start_variance}: must lie between lowest_variance = {self.lowest_variance} and"
                f" highest_variance = {self.highest_variance}"
            )
        return self

    def class_range(self) -> tuple[int, int]:
        return CLASSES

    def cost(self, seeds: int) -> Cost:
        """Every depth fails once, which takes all epochs: at most; what trains takes few of them."""
        failures, depth = self.start_depth / self.depth_step, self.start_depth / 2
        images = self.epochs * self.train_images
        passes = 3 * images + self.epochs * self.test_images  # a step is three passes, and every epoch is evaluated
        seconds = 2 * 1.5 * passes * shrinking_weights(self.resolution**2, depth) / MULTIPLICATIONS
        seconds += CALL * depth * images / self.batch_size
        held = 5 * 4 * self.resolution**2 * (self.train_images + self.test_images)
        return Cost(seeds * failures * seconds, LOADED + held / MEGABYTE)


class Reconstruction(Parameters):
    """Cascades of a trained tanh network, and the images that its decoders make of artificial outputs."""

    needs: ClassVar = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "quantity": "category",
        "layer": "int32",
        "image": "int32",
        "label": "int32",
        "value": "float64",
        **PICTURES,
    }

    architecture: Literal["shrinking", "wide"] = Field(
        "shrinking",
        description="shrinking: sizes that fall linearly from the image to the output; wide: square layers, then one of"
        " 400 units and the output",
    )
    depth: int = Field(
        10, ge=3, description="shrinking: number of sizes, input and output included; wide: number of layers"
    )
    resolution: int = Field(28, ge=4, description="side of the grey images in pixels")
    weight_variance: float = Field(1.65, gt=0, description="initial σ_w²")
    bias_variance: float = Field(0.05, ge=0, description="initial σ_b²")
    train_images: int = Field(20000, ge=1, description="at most this many training images")
    test_images: int = Field(1000, ge=1, description="at most this many test images")
    presentations: int = Field(60000, ge=1, description="images shown to the network, counted with repetition")
    decoder_presentations: int = Field(40000, ge=1, description="images shown to each decoder, with repetition")
    batch_size: int = Field(64, ge=1, description="images in a minibatch")
    learning_rate: float = Field(1e-3, gt=0, description="of Adam, for the network and the decoders")
    shown_class: int = Field(5, ge=0, le=9, description="class of the test images whose reconstructions are kept")
    shown_images: int = Field(2, ge=1, description="number of test images whose reconstructions are kept")
    background: float = Field(
        -1.0,
        ge=-1,
        le=1,
        description="output of the other nine units when one unit is set to +1 (class-optimal inputs)",
    )

    def class_range(self) -> tuple[int, int]:
        """The class that is shown must be among them."""
        return max(CLASSES[0], self.shown_class + 1), CLASSES[1]

    def cost(self, seeds: int) -> Cost:
        """Three products and an update by Adam a step, of the network and of its decoders."""
        units = self.resolution**2
        weights = shrinking_weights(units, self.depth) if self.architecture == "shrinking" else self.depth * units**2
        shown = self.presentations + self.decoder_presentations
        seconds = seeds * weights * shown * (6 / MULTIPLICATIONS + UPDATE / self.batch_size)
        held = 2 * 4 * (units * (self.train_images + self.test_images) + seeds * 8 * weights)
        return Cost(seconds, LOADED + held / MEGABYTE)


class Channels(Parameters):
    """Images that decoders make of single channels of a VGG-style network."""

    needs: ClassVar = "images"  # and labels, unless `weights` names a trained network
    files: ClassVar = ("weights",)
    columns: ClassVar = {
        "seed": "int32",
        "quantity": "category",
        "layer": "int32",
        "channel": "int32",
        "image": "int32",
        "label": "int32",
        "value": "float64",
        **PICTURES,
    }

    layers: list[Annotated[int, Field(ge=1)] | Literal["M"]] = Field(
        [16, 16, "M", 32, 32, "M", 64, 64, "M"],
        min_length=1,
        description="channels of each 3x3 convolution, or M for a 2x2 max-pooling (torchvision's notation)",
    )
    resolution: int = Field(32, ge=4, description="side of the colour images in pixels")
    weights: str | None = Field(
        None, description="file of a state dict in torchvision's layout, instead of training the network here"
    )
    normalisation: Literal["dataset", "imagenet"] = Field(
        "dataset", description="mean and standard deviation of the colours: of the training images, or ImageNet's"
    )
    train_images: int = Field(24000, ge=1, description="at most this many training images")
    test_images: int = Field(2000, ge=1, description="at most this many test images")
    batch_size: int = Field(100, ge=1, description="images in a minibatch")
    steps: int = Field(480, ge=2, description="minibatches of the network's training")
    learning_rate: float = Field(6e-3, gt=0, description="peak of the one-cycle schedule of the network's Adam")
    decoder_steps: int = Field(160, ge=1, description="minibatches of the decoders' training")
    decoder_learning_rate: float = Field(8e-3, gt=0, description="of the decoders' Adam")
    shown_images: int = Field(4, ge=1, description="number of test images that are shown")
    strongest: dict[int, int] = Field(
        default_factory=dict, description="layer: how many of its channels are shown, by falling mean activation"
    )
    channels: dict[int, list[Annotated[int, Field(ge=0)]]] = Field(
        default_factory=dict, description="layer: channels that are shown, counted from 0, beside the strongest"
    )

    @model_validator(mode="after")
    def check_resolution(self) -> Self:
        halvings = self.layers.count("M")
        if self.resolution % 2**halvings:
            raise ValueError(
                f"resolution = {self.resolution}: must be a multiple of {2**halvings}, because {halvings} poolings"
                " halve the image"
            )
        return self

    @model_validator(mode="after")
    def check_channels(self) -> Self:
        for name in ("strongest", "channels"):
            for layer, wanted in getattr(self, name).items():
                if not 1 <= layer <= len(self.layers):
                    raise ValueError(f"{name}: layer {layer} does not exist; layers are 1 to {len(self.layers)}")
                width = [3, *(size for size in self.layers[:layer] if size != "M")][-1]
                largest = wanted if name == "strongest" else max(wanted, default=0) + 1
                if largest > width:
                    raise ValueError(f"{name}: layer {layer} has {width} channels, but {wanted} was asked for")
        return self

    def cost(self, seeds: int) -> Cost:
        """Three convolutions an image and step of the network's training, four of the decoders'."""
        side, before, product, largest = self.resolution, 3, 0, 0
        for layer in self.layers:
            if layer == "M":
                side //= 2
            else:
                product += 2 * 9 * side**2 * before * layer
                before, largest = layer, max(largest, side**2 * layer)
        images = self.batch_size * ((0 if self.weights else 3 * self.steps) + 4 * self.decoder_steps)
        held = 5 * 3 * self.resolution**2 * (self.train_images + self.test_images) + 8 * 4 * 500 * largest
        return Cost(seeds * images * product / MULTIPLICATIONS, LOADED + held / MEGABYTE)
