"""Task ``full_data``: exact posteriors of linear networks after all images of two classes. Nothing is sampled."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import posterior as exact
from ..digits import require
from ..params import FullData
from ..spectrum import Spectrum
from ..two_classes import network_label, unit_vectors, weight_scales


def run(
    params: FullData, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Exact, so the same for every seed: rows belong to none.

    ``images`` and ``rank``, the number of independent directions among them, have neither network nor temperature.
    By network and ``beta``: ``log_evidence`` and ``process_log_evidence`` (infinite width) ln Z; ``mean_scale`` and
    ``saddle_scale`` of the kernel, u / E[u]; ``mean_loss`` and ``process_mean_loss``; ``test_error`` and
    ``process_test_error`` of the sign of the mean output on unseen images, and ``test_square`` and
    ``process_test_square``, mean squares of target less mean output there.
    """
    dataset = require(dataset)
    x, y = unit_vectors(dataset, "train", params.classes, params.images)
    test_x, test_y = unit_vectors(dataset, "test", params.classes)
    spectrum = Spectrum.of_moments(x.T @ x, x.T @ y, float(y @ y))
    tables = [
        tidy(FullData.columns, quantity=name, value=np.array([value], float))
        for name, value in (("images", len(x)), ("rank", spectrum.rank))
    ]
    with progress(total=len(params.hidden_widths), desc="networks") as bar:
        for widths in params.hidden_widths:
            posterior = exact.Posterior.of_spectrum(spectrum, widths, weight_scales(widths, params.weight_scale))
            for beta in params.betas:
                known = {"network": network_label(widths), "beta": beta}
                for quantity, value in numbers(posterior, beta, test_x, test_y):
                    tables.append(tidy(FullData.columns, **known, quantity=quantity, value=np.array([value])))
            bar.update(1)
    return pa.concat_tables(tables)


def numbers(
    posterior: exact.Posterior, beta: float, test_x: np.ndarray, test_y: np.ndarray
) -> Iterator[tuple[str, float]]:
    """The rows of one network at one temperature."""
    scale, weights = posterior.scale_posterior(beta)
    yield "log_evidence", posterior.log_evidence(beta)
    yield "process_log_evidence", posterior.wide_log_evidence(beta)
    yield "mean_scale", float(weights @ scale.u) / posterior.mean_scale
    yield "saddle_scale", posterior.renormalised_scale(beta) / posterior.mean_scale
    yield "mean_loss", posterior.mean_loss(beta)
    yield "process_mean_loss", posterior.wide_mean_loss(beta)
    for prefix, mean in (("", posterior.mean_weights(beta)), ("process_", posterior.wide_mean_weights(beta))):
        outputs = test_x @ mean
        yield f"{prefix}test_error", float(np.mean(outputs * test_y <= 0))
        yield f"{prefix}test_square", float(np.mean((test_y - outputs) ** 2))
