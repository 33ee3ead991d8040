"""Task ``full_data``: exact posteriors of linear networks after all images of two classes, and sampled ones."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...seeding import numpy_stream
from ...storage.progress import no_progress
from ...storage.tables import schema_of, tidy
from .. import diagnostics
from .. import posterior as exact
from ..digits import require
from ..end_to_end import EndToEnd
from ..gram_posterior import sample
from ..params import FullData
from ..spectrum import Spectrum
from ..two_classes import network_label, unit_vectors, weight_scales


def run(
    params: FullData, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """What is exact is the same for every seed: its rows belong to none.

    ``images`` and ``rank``, the number of independent directions among them, have neither network nor temperature.
    By network and ``beta``: ``log_evidence`` and ``process_log_evidence`` (infinite width) ln Z; ``mean_scale`` and
    ``saddle_scale`` of the kernel, u / E[u]; ``mean_loss`` and ``process_mean_loss``; ``test_error`` and
    ``process_test_error`` of the sign of the mean output on unseen images, and ``test_square`` and
    ``process_test_square``, mean squares of target less mean output there. By seed, from Hamiltonian Monte Carlo over
    end-to-end vector and lengths: ``sampled_scale`` of u / E[u] and ``sampled_loss`` with standard errors
    (``..._error``), their larger ``r_hat``, and ``sampled_test_error`` of the mean output.
    """
    dataset = require(dataset)
    x, y = unit_vectors(dataset, "train", params.classes, params.images)
    test_x, test_y = unit_vectors(dataset, "test", params.classes)
    spectrum = Spectrum.of_moments(x.T @ x, x.T @ y, float(y @ y))
    tables = [
        tidy(FullData.columns, quantity=name, value=np.array([value], float))
        for name, value in (("images", len(x)), ("rank", spectrum.rank))
    ]
    with progress(total=len(params.hidden_widths) + len(params.sampled_widths) * len(seeds), desc="networks") as bar:
        for widths in params.hidden_widths:
            posterior = exact.Posterior.of_spectrum(spectrum, widths, weight_scales(widths, params.weight_scale))
            for beta in params.betas:
                known = {"network": network_label(widths), "beta": beta}
                for quantity, value in numbers(posterior, beta, test_x, test_y):
                    tables.append(tidy(FullData.columns, **known, quantity=quantity, value=np.array([value])))
            bar.update(1)
        for widths in params.sampled_widths:
            for seed in seeds:
                tables += [
                    tidy(FullData.columns, seed=seed, network=network_label(widths), **row)
                    for row in sampled(params, widths, seed, spectrum, test_x, test_y)
                ]
                bar.update(1)
    return pa.concat_tables(tables, promote_options="permissive").cast(schema_of(FullData.columns))


def sampled(
    params: FullData, widths: Sequence[int], seed: int, spectrum: Spectrum, test_x: np.ndarray, test_y: np.ndarray
) -> Iterator[dict]:
    """The rows of one network that is sampled, at all temperatures."""
    sigmas = weight_scales(widths, params.weight_scale)
    posterior = exact.Posterior.of_spectrum(spectrum, widths, sigmas)
    for beta in params.betas:
        network = EndToEnd.of(widths, sigmas, spectrum, beta, posterior.renormalised_scale(beta))
        stream = numpy_stream(seed, "full_data", f"{widths} {beta:g}")
        chains = sample(
            network, spectrum, beta, stream, chains=params.chains, warm_up=params.draws // 2, draws=params.draws
        )
        scales, losses, vectors = zip(
            *((network.scale(now), network.loss(now, spectrum), network.vector(now).mean(0)) for now in chains),
            strict=True,
        )
        series = {"scale": np.stack(scales, 1) / posterior.mean_scale, "loss": np.stack(losses, 1)}
        outputs = test_x @ (np.mean(vectors, axis=0) @ spectrum.directions)
        values = {f"sampled_{name}": draws.mean() for name, draws in series.items()}
        values |= {f"sampled_{name}_error": diagnostics.standard_error(draws) for name, draws in series.items()}
        values["r_hat"] = max(map(diagnostics.r_hat, series.values()))
        values["sampled_test_error"] = np.mean(outputs * test_y <= 0)
        for quantity, value in values.items():
            yield {"beta": beta, "quantity": quantity, "value": np.array([value], float)}


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
