"""What the seed repository computed where something else is right."""

import numpy as np
import pandas as pd
from scipy.special import k0
from scipy.stats import gaussian_kde

from ...readings import parameters_of, select
from ..bessel import log_bessel_k
from ..comparison import js_divergence
from ..logistic import Logistic
from ..params import PUBLISHED_REGRESSION
from ..prior import log_prior, moment
from ..untrained import OutputLength
from . import classifier, full_data, path_pruning, regression
from .rows import exact_number, profiles

SCRIPT_SCALE = 0.0945
"""κ of the script's prior: 1/100² times the norm, 945, of all test images together."""

SCRIPT_SIGMA = 1e-4
"""1/N² with N = 100, which the script takes for σ₁σ₂."""

TEST_SET_NORM = 945.2
"""Frobenius norm of all 10 000 test images of MNIST, which the script takes for |x|."""

SCRIPT_GRID = np.linspace(0, 1, 784)
"""|h| at which the script evaluates its prior."""

COMPARED = slice(1, 10)
"""Of the grid and of the units of a network: the nine values that the script compares."""

PUBLISHED_DISTANCE = 0.318
"""Of the repository's notebook."""


def script_prior(h) -> np.ndarray:
    """K₀(h/κ) without its prefactor, as in the repository's prior.png."""
    return k0(np.asarray(h, float) / SCRIPT_SCALE)


def bessel_mass(table: pd.DataFrame) -> float:
    """Integral over h of K₀(|h|/κ) without a prefactor, π κ, at κ of the untrained network."""
    return np.pi * classifier.kappa(table)


def wrong_kappas(table: pd.DataFrame) -> dict[str, float]:
    """κ of the untrained network with one error each: ``factor`` 2πσ², ``norm`` of all images, ``sigma`` 1/100²."""
    width, kappa, norm = network_width(table), classifier.kappa(table), classifier.input_norm(table)
    return {
        "factor": 2 * np.pi / width,
        "norm": kappa * TEST_SET_NORM / norm,
        "sigma": SCRIPT_SIGMA * norm,
    }


def logarithmic_density(length, width: int, kappa: float) -> np.ndarray:
    """Density of log₁₀|h| of one output behind one hidden layer."""
    length = np.asarray(length, float)
    return 2 * np.log(10) * length * np.exp(log_prior(length, [width], 1, kappa))


def one_sided_masses(table: pd.DataFrame) -> pd.Series:
    """Integral from 0 to the largest h of the density estimate of h, of each trained network.

    The script plots that part and labels its axis |h|.
    """
    last = classifier.kept_epochs(table)[-1]
    seeds = sorted(int(seed) for seed in table["seed"].dropna().unique())
    found = {seed: classifier.components(table, last, seed=seed) for seed in seeds}
    return pd.Series({seed: gaussian_kde(h).integrate_box_1d(0, h.max()) for seed, h in found.items()})


def shown_prediction(table: pd.DataFrame, coupling: float) -> dict[str, np.ndarray]:
    """Target of a test image, and the outputs for it and for the image it is confused with.

    ``target``, ``prediction`` and ``misplaced_prediction``, the last for the training image of the same index. The
    image is the first that is shown of those confused with another digit, if there is one.
    """
    labels = {
        name: select(table, quantity=name).groupby("image")["label"].first()
        for name in ("target", "misplaced_prediction")
    }
    other = labels["target"] != labels["misplaced_prediction"].reindex(labels["target"].index)
    order = select(table, quantity="target")["image"].drop_duplicates()
    image = int(order[order.map(other).to_numpy()].iloc[0] if other.any() else order.iloc[0])
    rows = select(table, image=image)
    network = select(rows, coupling=coupling, seed=rows["seed"].min())
    outputs = {name: profiles(select(network, quantity=name))[0] for name in ("prediction", "misplaced_prediction")}
    return {"target": profiles(select(rows, quantity="target"))[0]} | outputs


def read_accuracies(table: pd.DataFrame, coupling: float) -> dict[str, float]:
    """How often the nearest label to the peak is a test image's, on average over realisations.

    ``accuracy_peak``: from the output for that image; ``misplaced_accuracy``: for the training image of its index.
    """
    names = ("accuracy_peak", "misplaced_accuracy")
    return {
        name: float(select(table, quantity=name, split="test", coupling=coupling)["value"].mean()) for name in names
    }


def mean_lengths(table: pd.DataFrame, temperatures) -> dict[str, np.ndarray]:
    """Exact mean output lengths of untrained networks by temperature: ``cubed`` sums, and ``relu`` units."""
    settings, norm = parameters_of(table), exact_number(select(table, quantity="input_norm"))
    width = settings["width"]
    cubed = [OutputLength(norm, t, width, settings["coupling"]).mean for t in temperatures]
    unit = float(moment(1, [width], width, norm, "relu"))
    return {"cubed": np.array(cubed), "relu": unit * (np.asarray(temperatures, float) / width) ** 2}


def loss_as_published(table: pd.DataFrame, coupling: float) -> pd.DataFrame:
    """Training loss by epoch as the original counts it: ``error``, averaged over the outputs, and ``penalty``.

    Of weights trained with any penalty: Σw² is weighed as the original does.
    """
    settings = parameters_of(table)
    error, penalty = (
        regression.learning_curve(table, name, "train", coupling)["mean"] for name in ("squared_error", "penalty")
    )
    strength = PUBLISHED_REGRESSION["penalty"] / settings["penalty"]
    return pd.DataFrame({"error": error / settings["bins"], "penalty": penalty * strength})


def scales_by_width(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """Kernel scale u / E[u] of one hidden layer by width, where there are two layers of that width, too.

    ``exact``: its posterior mean; ``saddle``: of the equation for one hidden layer; ``two_layers``: of that for two.
    """
    networks = full_data.layers_of(table)
    columns = {"exact": ("mean_scale", 1), "saddle": ("saddle_scale", 1), "two_layers": ("saddle_scale", 2)}
    found = {
        name: full_data.by_hidden_width(table, quantity, networks[layers], beta)
        for name, (quantity, layers) in columns.items()
    }
    return pd.DataFrame(found).dropna()


def foretold_differences(table: pd.DataFrame) -> list[float]:
    """Accuracy at the largest number of paths by :func:`fit_to_few_paths`, less that measured, of each network."""
    found = []
    for _, accuracies in path_pruning.accuracies_by_paths(table).iterrows():
        most = accuracies.index.max()
        found.append(float(fit_to_few_paths(accuracies)(most) - accuracies[most]))
    return found


def fit_to_few_paths(accuracies: pd.Series, fraction: float = 0.25) -> Logistic:
    """The logistic law fitted to the smallest numbers of paths only: what it predicts can fail."""
    return path_pruning.fit_of(accuracies[accuracies.index <= fraction * accuracies.index.max()])


def halved_argument_density(h, width: int, kappa: float) -> np.ndarray:
    """The README's density of one output behind one hidden layer, with K(|h|/2κ) in place of K(|h|/κ)."""
    r, order = np.asarray(h, float) / kappa, (width - 1) / 2
    exponent = log_bessel_k(order, r / 2) - log_bessel_k(order, r)
    return np.exp(log_prior(h, [width], 1, kappa) + exponent)


def script_distances(table: pd.DataFrame) -> pd.Series:
    """What the script calls a distance, for each trained network.

    Of nine values of its prior on a grid and nine components of the preactivations with transposed matrices: two
    unrelated vectors, each divided by its sum.
    """
    last, exact = classifier.kept_epochs(table)[-1], script_prior(SCRIPT_GRID[COMPARED])
    distances = {}
    for seed in sorted(table["seed"].dropna().unique()):
        components = np.abs(classifier.components(table, last, "transposed", seed=seed)[COMPARED])
        distances[int(seed)] = js_divergence(exact / exact.sum(), components / components.sum()) ** 0.5
    return pd.Series(distances)


def network_width(table: pd.DataFrame) -> int:
    """Units of the layer whose preactivations are shown."""
    return int(parameters_of(table)["width"])
