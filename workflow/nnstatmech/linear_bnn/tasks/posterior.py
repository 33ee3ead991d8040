"""Task ``posterior``: the exact posterior of finite linear networks for two classes of images. Nothing is sampled."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import comparison
from .. import posterior as exact
from ..digits import require
from ..params import Posterior
from ..two_classes import network_label, two_class_problem, weight_scales


def run(
    params: Posterior, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Exact, so the same for every seed: rows belong to none. Zero temperature is a null ``beta``.

    By output h of the test image (``position``): ``density`` and ``process_density`` (infinite width),
    ``saddle_density`` (renormalised kernel). By relative kernel scale u / E[u]: ``scale_density`` of ln u.
    Without position: ``mean_loss``, ``process_mean_loss``, ``log_evidence`` (at finite beta), ``mean``,
    ``deviation`` of the output, ``js_distance`` of its law to the infinitely wide network's, ``saddle_js_distance``
    to the renormalised one's, ``mean_scale`` and ``saddle_scale`` of u / E[u].
    """
    dataset = require(dataset)
    problem = two_class_problem(params, dataset)
    h = np.linspace(-params.reach, params.reach, params.points)
    tables = []
    with progress(total=len(params.hidden_widths), desc="networks") as bar:
        for widths in params.hidden_widths:
            sigmas = weight_scales(widths, params.weight_scale)
            posterior = exact.Posterior(problem.images, problem.targets, widths, sigmas)
            for beta in (*params.betas, np.inf):
                known = {"network": network_label(widths)} | ({"beta": beta} if np.isfinite(beta) else {})
                rows = [
                    *densities(posterior, beta, problem.test_image, h),
                    *scalars(posterior, beta, problem.test_image),
                ]
                tables += [tidy(Posterior.columns, **known, **row) for row in rows]
            bar.update(1)
    return pa.concat_tables(tables)


def densities(posterior, beta, image, h):
    scale, weights = posterior.scale_posterior(beta)
    saddle = posterior.process_at(posterior.renormalised_scale(beta), beta, image)
    density = posterior.predictive(beta, image).pdf(h)
    finite = np.isfinite(density)  # The prior of a network with one hidden unit is infinite at h = 0.
    yield {"quantity": "density", "position": h[finite], "value": density[finite]}
    yield {"quantity": "process_density", "position": h, "value": posterior.wide_predictive(beta, image).pdf(h)}
    yield {"quantity": "saddle_density", "position": h, "value": saddle.pdf(h)}
    kept = weights > 1e-8
    yield {
        "quantity": "scale_density",
        "position": scale.u[kept] / posterior.mean_scale,
        "value": weights[kept] / (2 * scale.step),
    }


def scalars(posterior, beta, image):
    law, process = posterior.predictive(beta, image), posterior.wide_predictive(beta, image)
    saddle_scale = posterior.renormalised_scale(beta)
    to_process, to_saddle = distances_to(law, process, posterior.process_at(saddle_scale, beta, image))
    scale, weights = posterior.scale_posterior(beta)
    values = {
        "mean_loss": posterior.mean_loss(beta),
        "process_mean_loss": posterior.wide_mean_loss(beta),
        "mean": law.mean,
        "deviation": law.variance**0.5,
        "js_distance": to_process,
        "saddle_js_distance": to_saddle,
        "mean_scale": float(weights @ scale.u) / posterior.mean_scale,
        "saddle_scale": saddle_scale / posterior.mean_scale,
    }
    if np.isfinite(beta):
        values["log_evidence"] = posterior.log_evidence(beta)
    for quantity, value in values.items():
        yield {"quantity": quantity, "value": np.array([value])}


def distances_to(law, *others):
    """Jensen-Shannon distances of a law to others, on one grid that covers them all."""
    spread = 14 * max(each.variance for each in (law, *others)) ** 0.5
    # An even number of points: the prior of a network with one hidden unit is infinite at its centre, h = 0.
    grid = law.mean + np.linspace(-spread, spread, 3000)
    density = law.pdf(grid)
    return [comparison.js_distance_on_grid(density, other.pdf(grid), grid) for other in others]
