"""What each task of the family takes. Declarations and checks only: engines compute, this module does not."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..parameters import Parameters

Width = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Regression(Parameters):
    """Digits as regression: two linear layers and a readout z + g z³ are fitted to one peak per digit."""

    couplings: list[NonNegative] = Field([0.2], min_length=1, description="Cubic couplings g, trained side by side.")
    width: Width = Field(784, description="Units of the hidden layer.")
    bins: int = Field(784, ge=10, description="Outputs: equidistant positions from label 0 to label 9.")
    target_deviation: Positive = Field(0.001, description="Width of a target peak, in labels.")
    target_scale: Literal["sum", "peak"] = Field("sum", description="What is 1: a target's sum or its largest value.")
    loss: Literal["sum", "mean"] = Field("sum", description="Squared error summed, or averaged, over the outputs.")
    penalty: NonNegative = Field(1e-6, description="L2 penalty λ: λ Σ w² is added to the loss of the mini-batch.")
    learning_rate: Positive = Field(0.006, description="Step of the stochastic gradient descent.")
    learning_rate_unit: Literal["absolute", "curvature"] = Field(
        "absolute", description="curvature: in units of 1 / largest eigenvalue of the images' second moments."
    )
    warm_up: int = Field(0, ge=0, description="First steps, during which the learning rate rises linearly.")
    batch_size: int = Field(64, ge=1, description="Images in a mini-batch.")
    train_images: int = Field(12000, ge=1, description="Training images used, at most those that exist.")
    validation_images: int = Field(
        5000, ge=1, description="The first training images are held out; at most a fifth of the training set."
    )
    steps: int = Field(564, ge=1, description="Gradient steps; epochs follow from the number of images.")
    evaluations: int = Field(12, ge=1, description="Points of the learning curves, evenly spaced in steps.")
    examples: int = Field(10, ge=1, description="Test images whose prediction is kept; one a digit, then the next.")


class Classifier(Parameters):
    """A deep linear classifier of digits with a frozen readout: what training does to the preactivations."""

    width: Width = Field(784, description="Units of both trained layers.")
    classes: int = Field(10, ge=2, description="Outputs of the frozen readout.")
    learning_rate: Positive = Field(0.01, description="Step of the stochastic gradient descent.")
    batch_size: int = Field(32, ge=1, description="Images in a mini-batch.")
    epochs: int = Field(2, ge=1, description="Passes over the training images.")
    least_steps: int = Field(0, ge=0, description="Epochs are added until at least this many gradient steps are made.")
    train_images: int = Field(60000, ge=1, description="Training images used, at most those that exist.")
    validation_images: int = Field(
        5000, ge=1, description="The first training images are held out; at most a fifth of the training set."
    )
    image: int = Field(0, ge=0, description="Test image whose preactivations are recorded.")


class Untrained(Parameters):
    """Ensembles of untrained networks with a cubic activation, one ensemble a temperature."""

    temperatures: list[Positive] = Field(
        [1, 3, 10], min_length=1, description="Temperatures T; weights have standard deviation T / width."
    )
    width: Width = Field(784, description="Units of the hidden layer, and outputs.")
    coupling: Positive = Field(0.01, description="Prefactor of the cubic activation.")
    image: int = Field(0, ge=0, description="Training image that is shown to the networks.")


class NormLearning(Parameters):
    """Partition function and energy of one Gaussian output, with the corrections of the norm-learning notebook."""

    points: int = Field(401, ge=3, description="Outputs y at which a curve is evaluated.")
    bare_temperatures: list[Positive] = Field([1, 2, 3, 4, 5], description="Inverse temperatures β of the bare curves.")
    corrections: list[NonNegative] = Field([0, 0.1, 0.3, 0.6, 0.8, 1], description="Strengths λ of the correction.")
    couplings: list[NonNegative] = Field([0, 0.1, 0.3, 0.6, 0.8, 1], description="Cubic couplings g.")
    cold: Positive = Field(100, description="Inverse temperature β of the energy curves.")
    cubic_correction: NonNegative = Field(0.4, description="λ of the cubic partition function.")
    widths: list[Width] = Field([2, 4, 8, 16, 64], description="Widths n of the exact networks.")


class NeuralTangent(Parameters):
    """Trained linear networks beside the predictors that wide networks converge to."""

    digit: int = Field(5, ge=0, le=9, description="The digit whose images are all mapped to the digit's value.")
    width: Width = Field(784, description="Units of the hidden layer of the one-digit network.")
    learning_rate: Positive = Field(0.01, description="Step of the stochastic gradient descent, one digit.")
    learning_rate_unit: Literal["absolute", "curvature"] = Field(
        "absolute", description="curvature: in units of 1 / largest eigenvalue of the images' second moments."
    )
    batch_size: int = Field(32, ge=1, description="Images in a mini-batch, one digit.")
    epochs: int = Field(10, ge=1, description="Passes over the images of the digit.")
    least_steps: int = Field(0, ge=0, description="Epochs are added until at least this many gradient steps are made.")
    pair: tuple[int, int] = Field((3, 8), description="The two digits that are told apart, targets -1 and +1.")
    pair_images: int = Field(8, ge=2, description="Training images of the pair; even: one half each.")
    test_images: int = Field(20, ge=2, description="Test images of the pair whose prediction is kept, at most.")
    widths: list[Width] = Field(
        [4, 8, 16, 32, 64, 128], min_length=1, description="Widths n of the two-digit networks."
    )
    weight_variance: Positive = Field(1.0, description="Prior variance of an output at unit mean square pixel norm.")
    networks: int = Field(20, ge=1, description="Two-digit networks of each width in one realisation.")
    shown: int = Field(0, ge=0, description="Which of the test images of the pair is shown in full.")
    tolerance: Positive = Field(1e-8, description="Summed half squared error below which training is complete.")
    max_steps: int = Field(40000, ge=1, description="Gradient steps after which a network counts as not converged.")

    @model_validator(mode="after")
    def _pair_is_two_digits(self):
        if self.pair[0] == self.pair[1]:
            raise ValueError(f"pair: {list(self.pair)} names one digit twice; two different digits are needed")
        if self.pair_images % 2:
            raise ValueError(f"pair_images: {self.pair_images} is odd; an even number gives each digit one half")
        return self


class PathPruning(Parameters):
    """A deep ReLU classifier of 8×8 digits whose signal is followed along the strongest paths only."""

    width: Width = Field(64, description="Units of each hidden layer.")
    hidden_layers: int = Field(15, ge=1, description="Hidden layers.")
    learning_rate: Positive = Field(1e-3, description="Step of Adam.")
    batch_size: int = Field(64, ge=1, description="Images in a mini-batch.")
    epochs: int = Field(300, ge=1, description="Passes over the training images.")
    kept: list[Annotated[int, Field(ge=1)]] = Field(
        list(range(1, 65)), min_length=1, description="Numbers K of currents kept for each input pixel."
    )

    @model_validator(mode="after")
    def _no_more_kept_than_units(self):
        if max(self.kept) > self.width:
            raise ValueError(f"kept: {max(self.kept)} is more than the {self.width} units of a layer")
        return self


class Prior(Parameters):
    """Exact prior of finite networks at unit output variance, beside outputs of real random weight matrices."""

    hidden_widths: list[list[Width]] = Field(
        [[1], [2], [5], [10], [100]], min_length=1, description="Hidden widths n_1..n_{d-1}, one list a network."
    )
    n_out: Width = Field(1, description="Outputs n_d.")
    activation: Literal["linear", "relu"] = Field("linear", description="Activation of the hidden units.")
    reach: Positive = Field(5.0, description="Largest |h|, in units of its root mean square.")
    points: int = Field(400, ge=2, description="Lengths |h| at which densities are evaluated.")
    samples: int = Field(2000, ge=1, description="Random networks of each shape in one realisation.")
    inputs: Width = Field(3, description="Dimension of the input of the random networks.")
    histogram_bins: int = Field(25, ge=2, description="Bins of the sampled density between 0 and the reach.")
    bins: int = Field(30, ge=2, description="Equiprobable bins of the comparison.")


class TwoClasses(Parameters):
    """Regression of two classes of images to +1 and -1 by linear networks with a scalar output."""

    classes: tuple[int, int] = Field((3, 8), description="Labels of the two classes; targets are +1 and -1.")
    images: int = Field(4, ge=2, description="Training images P, the first of each class, one half each.")
    test_image: int = Field(0, ge=0, description="Index of the test image among those of the first class.")
    hidden_widths: list[list[Width]] = Field(
        [[1], [2], [4], [16]], min_length=1, description="Hidden widths n_1..n_{d-1}, one list a network."
    )
    weight_scale: Positive = Field(
        1.5, description="s: weights have standard deviation s in the first layer (images of norm 1), s/√fan-in after."
    )
    betas: list[NonNegative] = Field(
        [0.3, 1, 3, 10, 30, 100], min_length=1, description="Inverse temperatures β, rising."
    )

    @model_validator(mode="after")
    def _consistent(self):
        if self.classes[0] == self.classes[1]:
            raise ValueError(f"classes: {list(self.classes)} names one class twice; two different labels are needed")
        if self.images % 2:
            raise ValueError(f"images: {self.images} is odd; an even number gives each class one half")
        if list(self.betas) != sorted(set(self.betas)):
            raise ValueError(f"betas: {list(self.betas)} have to rise strictly")
        return self


class Posterior(TwoClasses):
    """Exact posterior of finite linear networks, its zero-temperature limit and its Gaussian approximations."""

    reach: Positive = Field(6.0, description="Outputs from -reach to reach at which predictive densities are given.")
    points: int = Field(481, ge=3, description="Outputs at which predictive densities are given.")


class Ensemble(TwoClasses):
    """Ensembles of trained or sampled networks, each network judged by the exact posterior."""

    sampler: Literal["hmc", "langevin", "gradient_descent"] = Field(
        "hmc",
        description="Hamiltonian Monte Carlo, stochastic gradient Langevin dynamics, or gradient descent (T = 0).",
    )
    networks: int = Field(
        512,
        ge=64,
        multiple_of=64,
        description="Independent networks in one realisation; whole vectors round alike whatever runs beside them.",
    )
    moves: int = Field(80, ge=8, description="HMC: trajectories at each β; the step adapts in the first half.")
    leapfrogs: int = Field(10, ge=1, description="HMC: leapfrog steps of a trajectory.")
    acceptance: float = Field(0.8, gt=0, lt=1, description="HMC: acceptance that the step size is adapted to.")
    steps: int = Field(800, ge=1, description="Langevin: steps from the prior, at each β anew.")
    step_size: Positive = Field(0.01, description="Langevin: step η of the whitened weights.")
    batch_size: int | None = Field(None, ge=1, description="Langevin: images that estimate the gradient; null: all.")
    tamed: bool = Field(True, description="Langevin: divide the drift g by 1 + η|g| (else narrow networks diverge).")
    safety: Positive = Field(0.12, description="Gradient descent: learning rate times the typical largest curvature.")
    tolerance: Positive = Field(1e-6, description="Gradient descent: loss below which a network has converged.")
    max_steps: int = Field(200_000, ge=1, description="Gradient descent: steps after which a network counts as slow.")


TASKS: dict[str, type[Parameters]] = {
    "regression": Regression,
    "classifier": Classifier,
    "untrained": Untrained,
    "norm_learning": NormLearning,
    "neural_tangent": NeuralTangent,
    "path_pruning": PathPruning,
    "prior": Prior,
    "posterior": Posterior,
    "ensemble": Ensemble,
}
