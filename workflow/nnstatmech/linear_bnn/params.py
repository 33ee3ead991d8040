"""What each task of the family takes. Declarations and checks only: engines compute, this module does not."""

from itertools import pairwise
from math import ceil
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr, model_validator

from ..parameters import Cost, Parameters

Width = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
RateUnit = Literal["absolute", "curvature"]
Procedure = Literal["fast", "published"]

PIXELS = 784
"""Of an image, in estimates of cost, which are made for MNIST: the data set is not known here."""

DIGITS = 10
"""Labels that the regression and the pruned classifier have a place for."""

MULTIPLICATION = 1e-11
"""Seconds of a floating-point operation in a product of matrices."""

TRAFFIC = 1e-10
"""Seconds of a byte that is read or written."""

START = Cost(cpu_seconds=2.5, memory_mb=400.0)
"""What imports and images take before anything is computed."""


def above_start(cpu_seconds: float, megabytes: float) -> Cost:
    """The cost of a job that takes so much beyond :data:`START`."""
    return Cost(START.cpu_seconds + cpu_seconds, START.memory_mb + megabytes)


PEAK_RATES = {0.001: 0.15, 0.03: 0.1, 0.1: 0.08, 0.3: 0.05}
"""Width of peaks of height 1 to a learning rate that is stable for them, in units of the inverse curvature."""

PUBLISHED_REGRESSION = {
    "loss": "mean",
    "learning_rate": 0.01,
    "learning_rate_unit": "absolute",
    "warm_up": 0,
    "penalty": 1e-4,
    "batch_size": 32,
    "train_images": 60000,
    "validation_images": 5000,
    "steps": 103140,
    "evaluations": 60,
}
"""The seed repository's lin.png: 60 epochs of MNIST."""


class Regression(Parameters):
    """Digits as regression: two linear layers and a readout z + g z³ are fitted to one peak per digit."""

    needs = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "coupling": "float64",
        "split": "category",
        "epoch": "float64",
        "image": "int32",
        "label": "int32",
        "quantity": "category",
        "value": "float64",
        "profile": "list<float32>",
    }

    procedure: Procedure = Field(
        "fast",
        exclude=True,
        description="what fills in the parameters that are not given: the defaults here, or the seed repository's",
    )
    couplings: list[NonNegative] = Field([0.2], min_length=1, description="cubic couplings g, trained side by side")
    width: Width = Field(784, description="units of the hidden layer")
    bins: int = Field(784, ge=10, description="outputs: equidistant positions from label 0 to label 9")
    target_deviation: Positive = Field(0.001, description="width of a target peak, in labels")
    target_scale: Literal["sum", "peak"] = Field("sum", description="what is 1: a target's sum or its largest value")
    loss: Literal["sum", "mean"] = Field("sum", description="squared error summed, or averaged, over the outputs")
    penalty: NonNegative = Field(1e-6, description="λ of the L2 penalty λ Σ w² that is added to the loss")
    learning_rate: Positive = Field(
        0.15, description="step of the stochastic gradient descent; smaller by default for broad peaks of height 1"
    )
    learning_rate_unit: RateUnit = Field(
        "curvature", description="curvature: in units of 1 / largest eigenvalue of the images' second moments"
    )
    warm_up: int = Field(60, ge=0, description="first steps, during which the learning rate rises linearly")
    batch_size: int = Field(64, ge=1, description="images in a mini-batch")
    train_images: int = Field(12000, ge=1, description="training images used, at most those that exist")
    validation_images: int = Field(
        2000, ge=1, description="the first training images are held out; at most a fifth of the training set"
    )
    steps: int = Field(900, ge=1, description="gradient steps; epochs follow from the number of images")
    evaluations: int = Field(12, ge=1, description="points of the learning curves, evenly spaced in steps")
    examples: int = Field(10, ge=1, description="test images whose prediction is kept; one a digit, then the next")

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, given):
        if given.get("procedure") == "published":
            return PUBLISHED_REGRESSION | given
        if given.get("target_scale") == "peak":
            deviation = given.get("target_deviation", 0.001)
            rates = [rate for width, rate in PEAK_RATES.items() if width >= deviation]
            return {"learning_rate": rates[0] if rates else min(PEAK_RATES.values())} | given
        return given

    def cost(self, seeds: int) -> Cost:
        """Five products a step with weights that are read and written twice, and two for each image measured."""
        networks, weights = seeds * len(self.couplings), self.width * (PIXELS + self.bins)
        step = 5 * self.batch_size * weights * MULTIPLICATION + 16 * weights * TRAFFIC
        measured = (self.evaluations + 1) * 2 * self.validation_images * 2 * weights * MULTIPLICATION
        # Images; weights, a gradient and a product; a dozen copies of the outputs of a chunk of 500 images.
        numbers = PIXELS * (self.train_images + self.validation_images) + networks * (3 * weights + 6000 * self.bins)
        return above_start(networks * (self.steps * step + measured), 4e-6 * numbers)

    def class_range(self) -> tuple[int, int | None]:
        """The positions of the outputs are those of ten labels."""
        return 1, DIGITS


class Classifier(Parameters):
    """A deep linear classifier of digits with a frozen readout: what training does to the preactivations."""

    needs = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "split": "category",
        "epoch": "int32",
        "quantity": "category",
        "value": "float64",
        "profile": "list<float32>",
    }

    width: Width = Field(784, description="units of both trained layers")
    classes: int = Field(10, ge=2, description="outputs of the frozen readout")
    learning_rate: Positive = Field(0.01, description="step of the stochastic gradient descent")
    batch_size: int = Field(32, ge=1, description="images in a mini-batch")
    epochs: int = Field(20, ge=1, description="passes over the training images")
    least_steps: int = Field(0, ge=0, description="epochs are added until at least this many gradient steps are made")
    train_images: int = Field(60000, ge=1, description="training images used, at most those that exist")
    validation_images: int = Field(
        5000, ge=1, description="the first training images are held out; at most a fifth of the training set"
    )
    image: int = Field(0, ge=0, description="test image whose preactivations are recorded")

    def cost(self, seeds: int) -> Cost:
        """A product of the first weights with the mini-batch, and an update that reads and writes them."""
        weights, images = self.width * PIXELS, self.train_images + self.validation_images
        steps = max(self.least_steps, self.epochs * ceil(self.train_images / self.batch_size))
        operations = 2 * weights * (self.batch_size + self.classes)
        seconds = seeds * steps * (operations * MULTIPLICATION + 8 * weights * TRAFFIC)
        return above_start(seconds, 4e-6 * (PIXELS * images + seeds * 2 * self.width * (PIXELS + self.width)))

    def class_range(self) -> tuple[int, int | None]:
        """An output for each class."""
        return 1, self.classes


class Untrained(Parameters):
    """Ensembles of untrained networks with a cubic activation, one ensemble a temperature."""

    needs = "images"
    columns: ClassVar = {"seed": "int32", "temperature": "float64", "quantity": "category", "value": "float64"}

    temperatures: list[Positive] = Field(
        [1, 3, 10], min_length=1, description="temperatures T; weights have standard deviation T / width"
    )
    width: Width = Field(784, description="units of the hidden layer, and outputs")
    coupling: Positive = Field(0.01, description="prefactor of the cubic activation")
    image: int = Field(0, ge=0, description="training image that is shown to the networks")

    def cost(self, seeds: int) -> Cost:
        """Drawing the weights: 3.4 ns a number."""
        weights = self.width * PIXELS
        return above_start(3.4e-9 * seeds * len(self.temperatures) * weights, 8e-6 * weights)


class NormLearning(Parameters):
    """Partition function and energy of one Gaussian output, with the corrections of the norm-learning notebook."""

    columns: ClassVar = {
        "seed": "int32",
        "curve": "category",
        "beta": "float64",
        "correction": "float64",
        "coupling": "float64",
        "hidden_width": "int32",
        "output": "float64",
        "quantity": "category",
        "value": "float64",
    }

    points: int = Field(401, ge=3, description="outputs y at which a curve is evaluated")
    bare_temperatures: list[Positive] = Field([1, 2, 3, 4, 5], description="inverse temperatures β of the bare curves")
    corrections: list[NonNegative] = Field([0, 0.1, 0.3, 0.6, 0.8, 1], description="strengths λ of the correction")
    couplings: list[NonNegative] = Field([0, 0.1, 0.3, 0.6, 0.8, 1], description="cubic couplings g")
    cold: Positive = Field(100, description="inverse temperature β of the energy curves")
    cubic_correction: NonNegative = Field(0.4, description="λ of the cubic partition function")
    widths: list[Width] = Field([2, 4, 8, 16, 64], description="widths n of the exact networks")

    def cost(self, seeds: int) -> Cost:
        """The exact widths take the time: 800 scales of the kernel for each output."""
        return above_start(1e-4 * len(self.widths) * self.points, 2e-2 * self.points)


ONE_DIGIT = 0.09  # of the images, those of one digit that are trained on
PUBLISHED_ONE_DIGIT = {"learning_rate": 0.01, "learning_rate_unit": "absolute", "least_steps": 0}
"""The seed repository's output_NN.png."""


class NeuralTangent(Parameters):
    """Trained linear networks beside the predictors that wide networks converge to."""

    needs = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "network": "int32",
        "task": "category",
        "split": "category",
        "hidden_width": "int32",
        "quantity": "category",
        "value": "float64",
        "profile": "list<float32>",
    }

    procedure: Procedure = Field(
        "fast",
        exclude=True,
        description="what fills in the parameters that are not given: the defaults here, or the seed repository's",
    )
    digit: int = Field(5, ge=0, le=9, description="the digit whose images are all mapped to the digit's value")
    width: Width = Field(784, description="units of the hidden layer of the one-digit network")
    learning_rate: Positive = Field(0.4, description="step of the stochastic gradient descent, one digit")
    learning_rate_unit: RateUnit = Field(
        "curvature", description="curvature: in units of 1 / largest eigenvalue of the images' second moments"
    )
    batch_size: int = Field(32, ge=1, description="images in a mini-batch, one digit")
    epochs: int = Field(10, ge=1, description="passes over the images of the digit")
    least_steps: int = Field(
        1700, ge=0, description="epochs are added until at least this many gradient steps are made"
    )
    pair: list[Annotated[int, Field(ge=0)]] = Field(
        [3, 8], min_length=2, max_length=2, description="the two digits that are told apart, targets -1 and +1"
    )
    pair_images: int = Field(8, ge=2, description="training images of the pair; even: one half each")
    test_images: int = Field(20, ge=2, description="test images of the pair whose prediction is kept, at most")
    widths: list[Width] = Field([4, 8, 16, 32, 64, 128], min_length=1, description="widths n of the two-digit networks")
    weight_variance: Positive = Field(1.0, description="prior variance of an output at unit mean square pixel norm")
    networks: int = Field(50, ge=1, description="two-digit networks of each width in one realisation")
    shown: int = Field(0, ge=0, description="which of the test images of the pair is shown in full")
    tolerance: Positive = Field(1e-8, description="summed half squared error below which training is complete")
    max_steps: int = Field(40000, ge=1, description="gradient steps after which a network counts as not converged")
    _images: int = PrivateAttr(60000)  # for training, that there are

    def with_images(self, count: int | None) -> "NeuralTangent":
        """One digit is trained on as many images as it has."""
        known = self.model_copy()
        known._images = count or known._images
        return known

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, given):
        return PUBLISHED_ONE_DIGIT | given if given.get("procedure") == "published" else given

    @model_validator(mode="after")
    def check_pair(self):
        if self.pair[0] == self.pair[1]:
            raise ValueError(f"pair: {list(self.pair)} names one digit twice; two different digits are needed")
        if self.pair_images % 2:
            raise ValueError(f"pair_images: {self.pair_images} is odd; an even number gives each digit one half")
        return self

    def cost(self, seeds: int) -> Cost:
        """Steps on one digit's images; the two-digit networks of one width, side by side, take a second and a half."""
        weights = self.width * PIXELS
        steps = max(self.least_steps, self.epochs * ceil(ONE_DIGIT * self._images / self.batch_size))
        one_digit = steps * (4 * self.batch_size * weights * MULTIPLICATION + 12 * weights * TRAFFIC)
        pair = len(self.widths) * (1.5 + 2e-3 * seeds * self.networks)
        return above_start(seeds * one_digit + pair, 4e-6 * (6400 * PIXELS + 3 * seeds * weights) + 50)

    def class_range(self) -> tuple[int, int | None]:
        """The digits that are asked for have to be there."""
        return max(self.digit, *self.pair) + 1, None


class PathPruning(Parameters):
    """A deep ReLU classifier of 8×8 digits whose signal is followed along the strongest paths only."""

    needs = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "split": "category",
        "paths": "int32",
        "layer": "int32",
        "quantity": "category",
        "value": "float64",
    }

    width: Width = Field(64, description="units of each hidden layer")
    hidden_layers: int = Field(15, ge=1, description="hidden layers")
    learning_rate: Positive = Field(1e-3, description="step of Adam")
    batch_size: int = Field(64, ge=1, description="images in a mini-batch")
    epochs: int = Field(300, ge=1, description="passes over the training images")
    kept: list[Annotated[int, Field(ge=1)]] = Field(
        list(range(1, 65)), min_length=1, description="numbers K of currents kept for each input pixel"
    )

    @model_validator(mode="after")
    def check_kept(self):
        if max(self.kept) > self.width:
            raise ValueError(f"kept: {max(self.kept)} is more than the {self.width} units of a layer")
        return self

    def cost(self, seeds: int) -> Cost:
        """A layer takes 0.08 ms a step and 0.04 ms a network, and 1 ms for each number of paths (1257 images)."""
        steps = self.epochs * ceil(1257 / self.batch_size)
        training = steps * (self.hidden_layers + 1) * (8e-5 + 4e-5 * seeds)
        pruning = 1e-3 * seeds * len(self.kept) * self.hidden_layers
        return above_start(training + pruning, 20.0 + 5.0 * seeds)

    def class_range(self) -> tuple[int, int | None]:
        """The network has ten outputs."""
        return 1, DIGITS


class Prior(Parameters):
    """Exact prior of finite networks at unit output variance, beside outputs of real random weight matrices."""

    columns: ClassVar = {
        "seed": "int32",
        "network": "category",
        "quantity": "category",
        "position": "float64",
        "value": "float64",
    }

    hidden_widths: list[list[Width]] = Field(
        [[1], [2], [5], [10], [100]],
        min_length=1,
        description="hidden widths n_1..n_{d-1}, one list a network; by default with several outputs: one and three "
        "layers as wide as the output",
    )
    n_out: Width = Field(1, description="outputs n_d")
    activation: Literal["linear", "relu"] = Field("linear", description="activation of the hidden units")
    reach: Positive = Field(
        5.0, description="largest |h|, in units of its root mean square; 2 by default with several outputs"
    )
    points: int = Field(400, ge=2, description="lengths |h| at which densities are evaluated")
    samples: int = Field(2000, ge=1, description="random networks of each shape in one realisation")
    inputs: Width = Field(3, description="dimension of the input of the random networks")
    histogram_bins: int = Field(
        25,
        ge=2,
        description="bins of the sampled density between 0 and the reach; by default with several outputs three for "
        "two standard deviations of the length, 1/√(2 n_d)",
    )
    bins: int = Field(30, ge=2, description="equiprobable bins of the comparison")

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, given):
        n_out = given.get("n_out", 1)
        if not isinstance(n_out, int) or n_out <= 1:
            return given
        reach = given.get("reach", 2.0)
        bins = 10 * ceil(0.15 * reach * (2 * n_out) ** 0.5)
        return {"hidden_widths": [[n_out], [n_out] * 3], "reach": reach, "histogram_bins": bins} | given

    def cost(self, seeds: int) -> Cost:
        """9 ns for each random weight, and half a second for the exact law of a network."""
        shapes = [(self.inputs, *widths, self.n_out) for widths in self.hidden_widths]
        sizes = [[a * b for a, b in pairwise(shape)] for shape in shapes]
        weights = sum(map(sum, sizes))
        largest = max(map(max, sizes))
        law = 0.55 if self.activation == "relu" else 0.42
        drawn_at_once = min(2**24, self.samples * largest)
        seconds = 9e-9 * seeds * self.samples * weights + law * len(shapes)
        return above_start(seconds, 9e-6 * drawn_at_once)


class TwoClasses(Parameters):
    """Regression of two classes of images to +1 and -1 by linear networks with a scalar output."""

    needs = "labels"

    classes: list[Annotated[int, Field(ge=0)]] = Field(
        [3, 8], min_length=2, max_length=2, description="labels of the two classes; targets are +1 and -1"
    )
    images: int = Field(4, ge=2, description="training images P, the first of each class, one half each")
    test_image: int = Field(0, ge=0, description="index of the test image among those of the first class")
    hidden_widths: list[list[Width]] = Field(
        [[1], [2], [4], [16]], min_length=1, description="hidden widths n_1..n_{d-1}, one list a network"
    )
    weight_scale: Positive = Field(
        1.5, description="s: weights have standard deviation s in the first layer (images of norm 1), s/√fan-in after"
    )
    betas: list[NonNegative] = Field(
        [0.3, 1, 3, 10, 30, 100], min_length=1, description="inverse temperatures β, rising"
    )

    @model_validator(mode="after")
    def check_classes_and_betas(self):
        if self.classes[0] == self.classes[1]:
            raise ValueError(f"classes: {list(self.classes)} names one class twice; two different labels are needed")
        if self.images % 2:
            raise ValueError(f"images: {self.images} is odd; an even number gives each class one half")
        if list(self.betas) != sorted(set(self.betas)):
            raise ValueError(f"betas: {list(self.betas)} have to rise strictly")
        return self

    def class_range(self) -> tuple[int, int | None]:
        """The two classes have to be there."""
        return max(self.classes) + 1, None


class Posterior(TwoClasses):
    """Exact posterior of finite linear networks, its zero-temperature limit and its Gaussian approximations."""

    columns: ClassVar = {
        "seed": "int32",
        "network": "category",
        "beta": "float64",
        "quantity": "category",
        "position": "float64",
        "value": "float64",
    }

    hidden_widths: list[list[Width]] = Field(
        [[1], [2], [4], [8], [16], [32], [64], [128], [256], [784], [256, 256, 256]],
        min_length=1,
        description="hidden widths n_1..n_{d-1}, one list a network",
    )
    betas: list[NonNegative] = Field(
        [0, 0.3, 1, 3, 10, 30, 100], min_length=1, description="inverse temperatures β, rising"
    )
    reach: Positive = Field(6.0, description="outputs from -reach to reach at which predictive densities are given")
    points: int = Field(481, ge=3, description="outputs at which predictive densities are given")

    def cost(self, seeds: int) -> Cost:
        """0.03 s for each network and temperature; the same for all seeds."""
        return above_start(0.03 * len(self.hidden_widths) * (len(self.betas) + 1), 120.0)


class Samplers(TwoClasses):
    """Samplers of the posterior on the test-bed: size-correct tests against the exact law."""

    columns: ClassVar = {
        "seed": "int32",
        "sampler": "category",
        "network": "category",
        "beta": "float64",
        "quantity": "category",
        "value": "float64",
    }

    samplers: list[Literal["hmc", "mala", "langevin", "gradient_descent"]] = Field(
        ["hmc", "mala", "langevin", "gradient_descent"],
        min_length=1,
        description="Hamiltonian Monte Carlo, MALA, tamed Langevin dynamics, and gradient descent (T = 0)",
    )
    hidden_widths: list[list[Width]] = Field(
        [[2], [4], [16]], min_length=1, description="hidden widths n_1..n_{d-1}, one list a network"
    )
    betas: list[Positive] = Field([1, 10, 100], min_length=1, description="inverse temperatures β, rising")
    chains: int = Field(
        512, ge=64, multiple_of=64, description="independent chains in one realisation; whole vectors round alike"
    )

    def cost(self, seeds: int) -> Cost:
        """MALA takes half of it: 12 000 gradients at the lowest temperature."""
        networks = sum(1 for _ in self.hidden_widths) * len(self.samplers)
        return above_start(seeds * networks * len(self.betas) * 0.8, 60.0)


class Outputs(Parameters):
    """Posterior of linear networks with ten outputs, over the Gram matrix, against Gibbs over all weights."""

    needs = "labels"
    later: ClassVar = ("longest",)
    columns: ClassVar = {
        "seed": "int32",
        "sampler": "category",
        "network": "category",
        "beta": "float64",
        "output": "int32",
        "quantity": "category",
        "value": "float64",
    }

    images: int = Field(10, ge=2, description="training images P, the first of all")
    test_image: int = Field(0, ge=0, description="index of the test image")
    hidden_widths: list[list[Width]] = Field(
        [[2], [10], [100], [2, 2], [10, 10], [100, 100]],
        min_length=1,
        description="hidden widths n_1..n_{d-1}, one list a network",
    )
    weight_scale: Positive = Field(
        1.5, description="s: weights have standard deviation s in the first layer (images of norm 1), s/√fan-in after"
    )
    betas: list[Positive] = Field([1, 100], min_length=1, description="inverse temperatures β")
    chains: int = Field(32, ge=2, description="independent chains of each sampler in one realisation")
    warm_up: int = Field(300, ge=20, description="moves of Hamiltonian Monte Carlo that are left out")
    draws: int = Field(400, ge=4, description="moves of Hamiltonian Monte Carlo that are kept, at least")
    sweeps: int = Field(2000, ge=8, description="sweeps of Gibbs sampling, at least; the first quarter is left out")
    longest: int = Field(
        1, ge=1, description="how many times as long both go on until R̂ < 1.01 and 400 samples are effective"
    )

    def cost(self, seeds: int) -> Cost:
        """A gradient takes 0.4 ms and 5 µs an image; a sweep 20 µs an image and layer, and its decompositions."""
        # Chains of the narrowest networks go on at the largest β alone: by half on average.
        longer = 1.5 if self.longest > 1 else 1.0
        moves = len(self.betas) * 10 * (self.warm_up + longer * self.draws) * len(self.hidden_widths)
        layers = [width for widths in self.hidden_widths for width in [*widths, max(widths)]]
        passes = sum(2e-5 * self.images + 2e-7 * width**2 for width in layers)
        between = [width for widths in self.hidden_widths for width in widths[:-1]]
        decompositions = sum(2e-8 * n**3 if n <= self.images else 3.4e-8 * self.images**2 * n for n in between)
        seconds = moves * (4e-4 + 5e-6 * self.images) + len(self.betas) * longer * self.sweeps * (
            passes + decompositions
        )
        return above_start(seeds * seconds, 200.0)

    def class_range(self) -> tuple[int, int | None]:
        """The network has ten outputs."""
        return 1, DIGITS


class FullData(Parameters):
    """Exact posteriors after all images of two classes, by the second moments of their pixels; some sampled, too."""

    needs = "labels"
    columns: ClassVar = {
        "seed": "int32",
        "network": "category",
        "beta": "float64",
        "quantity": "category",
        "value": "float64",
    }

    classes: list[Annotated[int, Field(ge=0)]] = Field(
        [3, 8], min_length=2, max_length=2, description="labels of the two classes; targets are +1 and -1"
    )
    images: int | None = Field(None, ge=1, description="training images P, the first of both classes; null: all")
    hidden_widths: list[list[Width]] = Field(
        [[n] for n in (2, 5, 10, 30, 100, 300, 1000)] + [[n, n] for n in (2, 10, 100, 1000)],
        min_length=1,
        description="hidden widths n_1..n_{d-1}, one list a network",
    )
    weight_scale: Positive = Field(
        1.5, description="s: weights have standard deviation s in the first layer (images of norm 1), s/√fan-in after"
    )
    betas: list[Positive] = Field([0.1, 1, 10, 100], min_length=1, description="inverse temperatures β")
    sampled_widths: list[list[Width]] = Field(
        [[2], [10], [2, 2]], description="hidden widths of the networks that are sampled, too; any"
    )
    chains: int = Field(16, ge=2, description="independent chains of Hamiltonian Monte Carlo in one realisation")
    draws: int = Field(300, ge=4, description="moves of a chain that are kept, after half as many that are left out")

    @model_validator(mode="after")
    def check_classes(self):
        if self.classes[0] == self.classes[1]:
            raise ValueError(f"classes: {list(self.classes)} names one class twice; two different labels are needed")
        return self

    def cost(self, seeds: int) -> Cost:
        """0.7 s for each network and temperature, 3 s for the moments, and 0.1 ms a move of a chain."""
        sampled = 1.5e-4 * seeds * self.chains * self.draws * len(self.sampled_widths)
        return above_start(3 + (0.7 * len(self.hidden_widths) + sampled) * len(self.betas), 600.0)

    def class_range(self) -> tuple[int, int | None]:
        """The two classes have to be there."""
        return max(self.classes) + 1, None


STUDIED_WIDTHS = {
    "hmc": [[1], [2], [4], [16]],
    "langevin": [[2], [8], [32]],
    "gradient_descent": [[1], [2], [4], [8], [16], [32], [64], [256], [784]],
}
"""Hidden widths at which a sampler is studied if none are given."""


class Ensemble(TwoClasses):
    """Ensembles of trained or sampled networks, each network judged by the exact posterior."""

    columns: ClassVar = {
        "seed": "int32",
        "network": "category",
        "beta": "float64",
        "member": "int32",
        "quantity": "category",
        "value": "float64",
    }

    sampler: Literal["hmc", "langevin", "gradient_descent"] = Field(
        "hmc",
        description="Hamiltonian Monte Carlo, stochastic gradient Langevin dynamics, or gradient descent (T = 0)",
    )
    hidden_widths: list[list[Width]] = Field(
        STUDIED_WIDTHS["hmc"],
        min_length=1,
        description="hidden widths n_1..n_{d-1}, one list a network; by default 2, 8, 32 for Langevin dynamics and "
        "1 to 784 for gradient descent",
    )
    networks: int = Field(
        1024,
        ge=64,
        multiple_of=64,
        description="independent networks in one realisation; whole vectors round alike whatever runs beside them",
    )
    moves: int = Field(80, ge=8, description="HMC: trajectories at each β; the step adapts in the first half")
    leapfrogs: int = Field(10, ge=1, description="HMC: leapfrog steps of a trajectory")
    acceptance: float = Field(0.8, gt=0, lt=1, description="HMC: acceptance that the step size is adapted to")
    steps: int = Field(800, ge=1, description="Langevin: steps from the prior, at each β anew")
    step_size: Positive = Field(0.01, description="Langevin: step η of the whitened weights")
    batch_size: int | None = Field(None, ge=1, description="Langevin: images that estimate the gradient; null: all")
    tamed: bool = Field(True, description="Langevin: divide the drift g by 1 + η|g| (else narrow networks diverge)")
    safety: Positive = Field(0.12, description="gradient descent: learning rate times the typical largest curvature")
    tolerance: Positive = Field(1e-6, description="gradient descent: loss below which a network has converged")
    max_steps: int = Field(200_000, ge=1, description="gradient descent: steps after which a network counts as slow")

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, given):
        sampler = given.get("sampler", "hmc")
        return {"hidden_widths": STUDIED_WIDTHS[sampler]} | given if sampler in STUDIED_WIDTHS else given

    def cost(self, seeds: int) -> Cost:
        """A gradient takes 0.1 ms, and 3.5 ns for each weight of each network; descent as long as its slowest do."""
        weights = [sum(a * b for a, b in zip([self.images + 1, *n], [*n, 1], strict=True)) for n in self.hidden_widths]
        members = seeds * self.networks
        if self.sampler == "gradient_descent":
            seconds = (0.95 + 2e-4 * members) * len(weights)
        else:
            gradients = len(self.betas) * (self.moves * self.leapfrogs if self.sampler == "hmc" else self.steps)
            seconds = gradients * sum(1e-4 + 3.5e-9 * members * count for count in weights)
        return above_start(seconds, 30.0 + 2e-6 * members * max(weights))
