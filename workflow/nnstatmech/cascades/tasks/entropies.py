"""Task ``entropies``: cascades over depth and σ_w², with the depths at which information is lost."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import numpy_stream
from ...storage.checkpoints import Checkpoint, no_checkpoint, resumed
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..cutoffs import crossing_depth, entropy_cutoff, settling_depth
from ..decoders.cascade import fit_cascade, reconstruct
from ..decoders.ridge import Ridges, require_solved
from ..decoders.trained import Adam
from ..ensembles import networks_at_once
from ..entropies import (
    bootstrap_differential_entropy,
    coded_relative_entropy,
    correlation,
    differential_entropy,
    explained_parts,
    explained_variance,
    relative_entropy,
)
from ..image_moments import image_moments
from ..images import grey_part, require_images
from ..networks import Layer, cnn_body, initial_parameters, resnet_body, shrinking_mlp, wide_body
from ..params import Entropies
from ..precision import full_precision


def decoded_layers(params: Entropies) -> list[Layer]:
    """The layers that are decoded."""
    match params.architecture:
        case "wide":
            return [*wide_body(params.resolution**2, params.depth)]
        case "shrinking":
            return [*shrinking_mlp(params.resolution**2, params.depth + 1)]
        case "cnn":
            return cnn_body(params.resolution, params.depth - 2, params.channels)
        case "resnet":
            return resnet_body(params.resolution, params.depth - 2, params.channels)


def depths_evaluated(params: Entropies) -> np.ndarray:
    """Depths that cascades start from, increasing."""
    return np.unique(np.linspace(1, params.depth, min(params.evaluated_depths, params.depth)).round().astype(int))


def run(
    params: Entropies,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> pa.Table:
    """One row per seed, σ_w², depth and quantity.

    Quantities over depth: ``differential_entropy``, ``relative_entropy`` (corrected), ``relative_entropy_coded``
    (mean over images), ``relative_entropy_coded_ratio`` (median over images of its ratio to that at the last depth),
    ``explained_variance``, ``correlation``; ``differential_entropy_error`` and ``explained_variance_error`` are
    standard errors of resampled test images. Without depth: ``cutoff_explained_variance`` and ``cutoff_entropy``
    (null where information is not lost within the network) with their ``..._error`` (null unless all replicates
    lose it), and the original work's ``cutoff_coded_mean`` (of the mean coded relative entropy),
    ``cutoff_coded_images`` and ``cutoff_coded_images_deviation`` (mean and standard deviation of those of single
    images) and ``cutoff_coded_differential`` (of the differential entropy).

    Of the training images, for the law of the cutoff in networks of square layers (:mod:`..theory`), by seed alone:
    ``image_mean_square``, and ``image_variance``, the eigenvalue of their covariance of each ``mode``.

    Parameters
    ----------
    params, seeds
        Every seed is one network for each σ_w².
    dataset
        Grey or colour images; colours are turned into luminance.
    device
        Where to compute.
    progress
        Progress bar with tqdm's signature.
    checkpoint
        Keeps the rows of the networks that have been decoded.
    """
    return tables_of([params], seeds, dataset, device, progress, checkpoint)[0]


def run_together(
    runs: Sequence[Entropies],
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> list[pa.Table]:
    """:func:`run` for each of several runs; where only the strength of ridge decoders differs, networks are shared."""
    tables: list[pa.Table] = [pa.table({})] * len(runs)
    groups: dict[str, list[int]] = {}
    for place, params in enumerate(runs):
        shared = params.model_copy(update={"ridge_strength": 0.0} if params.decoder == "ridge" else {})
        groups.setdefault(shared.model_dump_json(), []).append(place)
    for places in groups.values():
        found = tables_of([runs[place] for place in places], seeds, dataset, device, progress)
        for place, table in zip(places, found, strict=True):
            tables[place] = table
    return tables


def tables_of(
    runs: Sequence[Entropies],
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> list[pa.Table]:
    """The tables of runs that differ by ``ridge_strength`` alone."""
    params = runs[0]
    train, test = shuffled_images(require_images(dataset), params, device)
    layers = decoded_layers(params)
    members = [(seed, variance) for seed in seeds for variance in params.weight_variances]
    own_bytes = params.network_bytes(train.shape[1], len(runs))
    step = networks_at_once(own_bytes, device, params.memory * 1e9)
    chunks = [members[start : start + step] for start in range(0, len(members), step)]
    tables = [moment_tables(params, seeds, train) if params.architecture == "wide" else [] for _ in runs]
    steps = (1 + len(runs)) * len(layers) * len(chunks)
    with progress(total=steps, desc=f"{params.architecture} cascades") as bar, full_precision():
        decoded = [
            partial(cascade_tables, runs, layers, chunk, train, test, partial(bar.update, 1)) for chunk in chunks
        ]
        for position, found in enumerate(resumed(decoded, checkpoint), 1):
            bar.update(position * steps // len(chunks) - bar.n)  # of those that were at hand, too
            for own, rows in zip(tables, found, strict=True):
                own.extend(rows)
    return [pa.concat_tables(own).unify_dictionaries() for own in tables]


def moment_tables(params: Entropies, seeds: Sequence[int], train: Tensor) -> list[pa.Table]:
    """The rows of the training images (1, M, N), which all seeds share."""
    moments = image_moments(train[0].cpu().numpy())
    modes = np.arange(1, len(moments.variances) + 1)
    tables = []
    for seed in seeds:
        spectrum = {"mode": modes, "quantity": "image_variance", "value": moments.variances}
        tables.append(tidy(params.columns, seed=seed, quantity="image_mean_square", value=moments.mean_square))
        tables.append(tidy(params.columns, seed=seed, **spectrum))
    return tables


def shuffled_images(dataset: Dataset, params: Entropies, device: torch.device) -> tuple[Tensor, Tensor]:
    """Training and test images in [0, 1], (1, images, pixels) or (1, images, height, width, 1)."""
    sets = []
    for part, at_most in (("train", params.train_images), ("test", params.test_images)):
        pixels, _ = grey_part(dataset, part, at_most, params.resolution, device)
        # Decoders are trained on images as they come: sources may be sorted by class.
        order = numpy_stream(0, "order of images", part).permutation(len(pixels))
        pixels = pixels[torch.as_tensor(order, device=device)].unsqueeze(0)
        if params.convolutional:
            pixels = pixels.unflatten(2, (params.resolution, params.resolution, 1))
        sets.append(pixels)
    return sets[0], sets[1]


def cascade_tables(
    runs: Sequence[Entropies], layers: Sequence[Layer], members: Sequence[tuple[int, float]], train, test, after_layer
) -> list[list[pa.Table]]:
    """The tables of some (seed, σ_w²), for each of the runs."""
    seeds, variances = zip(*members, strict=True)
    params = runs[0]
    depths = depths_evaluated(params)

    def parameters(position: int):
        return initial_parameters(
            layers[position], position, variances, params.bias_variance, seeds, device=train.device
        )

    def fitted(method):
        return fit_cascade(layers, parameters, method, train, test, depths.tolist(), after_layer)

    if params.decoder == "ridge":
        decoders, activations = fitted(Ridges(tuple(run.ridge_strength for run in runs)))
        kinds = list(zip(*decoders, strict=True))
        for run, own in zip(runs, kinds, strict=True):
            require_solved([decoder.failed for decoder in own], run.ridge_strength)
    else:
        decoders, activations = fitted(Adam(seeds, params.presentations, params.batch_size, params.learning_rate))
        kinds = [decoders]
    return [
        list(member_tables(run, members, test, reconstruct(own, activations, after_layer).flatten(3)))
        for run, own in zip(runs, kinds, strict=True)
    ]


def member_tables(
    params: Entropies, members: Sequence[tuple[int, float]], test: Tensor, reconstructions: Tensor
) -> Iterator[pa.Table]:
    """The rows of each member from its reconstructions, (E, depths, images, pixels)."""
    depths = depths_evaluated(params)
    counts = bootstrap_counts(params, test.shape[1])
    for (seed, variance), own in zip(members, reconstructions, strict=True):
        over_depth, cutoffs = curves_and_cutoffs(params, depths, test[0].flatten(1), own, counts)
        yield tidy(
            params.columns,
            seed=seed,
            weight_variance=variance,
            depth=depths,
            quantity=np.array(list(over_depth))[:, None],
            value=np.stack(list(over_depth.values())),
        )
        found = np.array(list(cutoffs.values()), dtype=float)
        scalars = tidy(
            params.columns, seed=seed, weight_variance=variance, quantity=np.array(list(cutoffs)), value=found
        )
        yield without_nan(scalars)


def without_nan(table: pa.Table) -> pa.Table:
    """Null in place of NaN: no such depth within the network."""
    values = table["value"].to_numpy()
    place = table.schema.get_field_index("value")
    return table.set_column(place, table.schema.field(place), pa.array(values, mask=np.isnan(values)))


def bootstrap_counts(params: Entropies, total: int) -> np.ndarray:
    """How often each replicate holds each of ``total`` test images, (replicates, total); the same for all networks."""
    stream = numpy_stream(0, "bootstrap of test images")
    return stream.multinomial(total, np.full(total, 1 / total), size=params.bootstrap_replicates).astype(float)


def curves_and_cutoffs(
    params: Entropies, depths: np.ndarray, test: Tensor, reconstructions: Tensor, counts: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The quantities over depth and the cutoffs of one network.

    Parameters
    ----------
    test, reconstructions
        Test images (T, N) and their reconstructions from each depth (D, T, N).
    counts
        Bootstrap replicates (B, T).
    """
    weights = torch.as_tensor(counts, device=test.device)
    coded = coded_relative_entropy(test, reconstructions)
    errors, spread = explained_parts(test, reconstructions)
    resampled_entropy = bootstrap_differential_entropy(reconstructions, weights).T.cpu().numpy()
    resampled_r2 = (1 - (weights @ errors.T) / (weights @ spread)[:, None]).cpu().numpy()
    over_depth = {
        "differential_entropy": differential_entropy(reconstructions),
        "relative_entropy": relative_entropy(test, reconstructions).mean(1),
        "relative_entropy_coded": coded.mean(1),
        "relative_entropy_coded_ratio": (coded / coded[-1]).quantile(0.5, 1),
        "explained_variance": explained_variance(test, reconstructions),
        "correlation": correlation(test, reconstructions),
    }
    over_depth = {name: values.cpu().numpy() for name, values in over_depth.items()}
    over_depth["differential_entropy_error"] = resampled_entropy.std(0, ddof=1)
    over_depth["explained_variance_error"] = resampled_r2.std(0, ddof=1)

    entropy, lowest, tolerance = (
        over_depth["differential_entropy"],
        params.lowest_explained_variance,
        params.settling_tolerance,
    )
    of_images = settling_depth(depths, coded.T.cpu().numpy(), tolerance)
    cutoffs = {
        "cutoff_explained_variance": crossing_depth(depths, over_depth["explained_variance"], lowest),
        "cutoff_explained_variance_error": crossing_depth(depths, resampled_r2, lowest).std(ddof=1),
        "cutoff_entropy": entropy_cutoff(depths, entropy, params.entropy_drop),
        "cutoff_entropy_error": entropy_cutoff(depths, resampled_entropy, params.entropy_drop).std(ddof=1),
        "cutoff_coded_mean": settling_depth(depths, over_depth["relative_entropy_coded"], tolerance),
        "cutoff_coded_images": of_images.mean(),
        "cutoff_coded_images_deviation": of_images.std(ddof=1),
        "cutoff_coded_differential": settling_depth(depths, entropy, tolerance),
    }
    return over_depth, cutoffs
