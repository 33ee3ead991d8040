"""Task ``outputs``: posteriors of networks with ten outputs by two samplers that share nothing but the model."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...seeding import numpy_stream
from ...storage.progress import no_progress
from ...storage.tables import schema_of, tidy
from .. import diagnostics, gram_posterior, layer_gibbs
from ..digits import CLASSES, labels_of, require
from ..gram_posterior import BartlettPrior, TrainingDirections, mean_loss, mean_outputs
from ..gram_saddle import renormalised_gram
from ..mixing import until_mixed
from ..params import Outputs
from ..two_classes import network_label, weight_scales


def run(
    params: Outputs, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Targets are 1 for the digit's own output and 0 for the others. Chains go on until all that is told has mixed.

    By ``sampler`` (``factors``: Hamiltonian Monte Carlo over Bartlett factors; ``layers``: Gibbs over all weights),
    network, ``beta`` and seed: ``mean_loss`` and ``mean_loss_error``, ``trace`` of G over its prior mean and
    ``trace_error``; by ``output`` ``mean_output`` for the unseen image and ``mean_output_error``; of all these the
    largest ``r_hat`` and the least ``effective_samples``. Without a sampler: ``process_mean_loss`` and
    ``process_mean_output`` of the network of infinite width; ``saddle_mean_loss`` and ``saddle_trace`` at the saddle
    point of kernel renormalisation, of the networks and of equally wide ones between them.
    """
    dataset = require(dataset)
    labels, _ = labels_of(dataset)
    images, test = unit_rows(dataset.train_images[: params.images]), unit_rows(dataset.test_images)[params.test_image]
    targets = np.eye(CLASSES)[labels[: params.images]]
    tables = []
    with progress(total=len(params.hidden_widths) * len(params.betas) * len(seeds), desc="posteriors") as bar:
        for widths in params.hidden_widths:
            sigmas = weight_scales(widths, params.weight_scale)
            training = TrainingDirections.of(images, targets, test, sigmas[0])
            prior = BartlettPrior.of(widths, CLASSES, sigmas)
            size = prior_size(widths, sigmas)
            for beta in params.betas:
                known = {"network": network_label(widths), "beta": beta}
                for seed in seeds:
                    streams = [numpy_stream(seed, "outputs", name, f"{known}") for name in ("factors", "layers")]
                    chains = {
                        "factors": gram_posterior.draw_grams(
                            prior,
                            training,
                            beta,
                            streams[0],
                            chains=params.chains,
                            warm_up=params.warm_up,
                            draws=params.longest * params.draws,
                        ),
                        "layers": layer_gibbs.draw_grams(
                            images, targets, widths, sigmas, beta, streams[1], chains=params.chains
                        ),
                    }
                    measure = partial(told, training=training, beta=beta, size=size)
                    series = {
                        "factors": until_mixed(chains["factors"], params.draws, params.longest, measure),
                        "layers": until_mixed(chains["layers"], params.sweeps, params.longest, measure, 1 / 4),
                    }
                    for name, found in series.items():
                        for row in summaries(found):
                            tables.append(tidy(Outputs.columns, **known, seed=seed, sampler=name, **row))
                    bar.update(1)
                wide = size * np.eye(CLASSES)[None]
                process = {"quantity": "process_mean_loss", "value": mean_loss(wide, training, beta)}
                outputs = {"quantity": "process_mean_output", "value": mean_outputs(wide, training, beta)[0]}
                outputs["output"] = np.arange(CLASSES)
                tables += [tidy(Outputs.columns, **known, **row) for row in (process, outputs)]
    for widths in (*params.hidden_widths, *widths_between(params.hidden_widths)):
        tables += saddle_rows(widths, images, targets, test, params)
    return pa.concat_tables(tables, promote_options="permissive").cast(schema_of(Outputs.columns))


POINTS = 15
"""Widths from the narrowest to the widest network at which the saddle point is found."""


def widths_between(hidden_widths: Sequence[Sequence[int]]) -> list[list[int]]:
    """Equally wide networks of each depth there is, between the narrowest and the widest that are given."""
    between = []
    for layers in sorted({len(widths) for widths in hidden_widths}):
        given = [widths for widths in hidden_widths if len(widths) == layers]
        ends = min(map(min, given)), max(map(max, given))
        between += [[int(n)] * layers for n in np.unique(np.geomspace(*ends, POINTS).round())]
    return [widths for widths in between if widths not in [list(each) for each in hidden_widths]]


def saddle_rows(widths, images, targets, test, params: Outputs) -> Iterator[pa.Table]:
    """Mean loss, and trace of G over its prior mean, at the saddle point of one network by temperature."""
    sigmas = weight_scales(widths, params.weight_scale)
    training = TrainingDirections.of(images, targets, test, sigmas[0])
    size = prior_size(widths, sigmas)
    for beta in params.betas:
        gram = renormalised_gram(widths, CLASSES, size, training, beta)
        known = {"network": network_label(widths), "beta": beta}
        loss, trace = mean_loss(gram[None], training, beta), gram.trace() / (size * CLASSES)
        yield tidy(Outputs.columns, **known, quantity="saddle_mean_loss", value=loss)
        yield tidy(Outputs.columns, **known, quantity="saddle_trace", value=np.array([trace]))


def prior_size(hidden_widths: Sequence[int], sigmas: Sequence[float]) -> float:
    """Prior mean of a diagonal element of G."""
    return float(np.prod(np.square(sigmas[1:])) * np.prod(hidden_widths))


def unit_rows(images: np.ndarray) -> np.ndarray:
    """Images as rows of norm 1."""
    vectors = images.reshape(len(images), -1).astype(float)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


SCALARS = ("mean_loss", "trace")


def told(grams: np.ndarray, training: TrainingDirections, beta: float, size: float) -> np.ndarray:
    """``SCALARS``, then the mean outputs, of draws (chains, draws, K, K): (2 + K, chains, draws)."""
    shape, flat = grams.shape[:2], grams.reshape(-1, *grams.shape[2:])
    trace = flat.trace(axis1=1, axis2=2) / (size * flat.shape[-1])
    series = [mean_loss(flat, training, beta), trace, *mean_outputs(flat, training, beta).T]
    return np.stack(series).reshape(-1, *shape)


def summaries(series: np.ndarray) -> Iterator[dict]:
    """Rows of what is told of one sampler's draws."""
    for name, draws in zip(SCALARS, series, strict=False):
        yield {"quantity": name, "value": np.array([draws.mean()])}
        yield {"quantity": f"{name}_error", "value": np.array([diagnostics.standard_error(draws)])}
    outputs = series[len(SCALARS) :]
    position = np.arange(len(outputs))
    yield {"quantity": "mean_output", "output": position, "value": outputs.mean((1, 2))}
    errors = np.array([diagnostics.standard_error(draws) for draws in outputs])
    yield {"quantity": "mean_output_error", "output": position, "value": errors}
    yield {"quantity": "r_hat", "value": np.array([max(map(diagnostics.r_hat, series))])}
    yield {"quantity": "effective_samples", "value": np.array([min(map(diagnostics.effective_samples, series))])}
