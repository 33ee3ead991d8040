"""Task ``samplers``: verdicts of the test-bed on samplers of the posterior of two classes of images."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import schema_of, tidy
from .. import posterior as exact
from .. import sampling
from ..digits import require
from ..params import Samplers
from ..two_classes import network_label, two_class_problem, weight_scales
from ..verdicts import SAMPLERS, Verdict, judge


def run(
    params: Samplers, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """One verdict for each seed, sampler, network and ``beta``; gradient descent, whose beta is null, is at T = 0.

    Rows: the numbers of :class:`~nnstatmech.linear_bnn.verdicts.Verdict` that there are, and ``passed``, 1 or 0.
    """
    problem = two_class_problem(params, require(dataset))
    images, test_image = sampling.rotated_inputs(problem.images, problem.test_image)
    tables = []
    with progress(total=len(params.hidden_widths) * len(params.samplers), desc="samplers") as bar:
        for widths in params.hidden_widths:
            label, sigmas = network_label(widths), weight_scales(widths, params.weight_scale)
            posterior = exact.Posterior(images, problem.targets, widths, sigmas)
            networks = sampling.LinearNetworks(images, problem.targets, widths, sigmas, device)
            for name in params.samplers:
                for beta in (np.inf,) if name == "gradient_descent" else params.betas:
                    for seed in seeds:
                        streams = sampling.Streams([seed], params.chains, f"test-bed {name} {label} {beta:g}", device)
                        found = judge(SAMPLERS[name], networks, posterior, test_image, beta, streams)
                        known = {"seed": seed, "sampler": name, "network": label}
                        known |= {"beta": beta} if np.isfinite(beta) else {}
                        tables += rows(found, known)
                bar.update(1)
    return pa.concat_tables(tables, promote_options="permissive").cast(schema_of(Samplers.columns))


def rows(verdict: Verdict, known: dict) -> list[pa.Table]:
    """The numbers of one verdict that are finite."""
    numbers = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    numbers["passed"] = float(verdict.passed)
    return [
        tidy(Samplers.columns, **known, quantity=name, value=np.array([value]))
        for name, value in numbers.items()
        if np.isfinite(value)
    ]
