"""Task ``ensemble``: networks sampled or trained on two classes of images, each judged by the exact posterior."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import schema_of, tidy
from .. import posterior as exact
from .. import sampling
from ..digits import require
from ..params import Ensemble
from ..two_classes import network_label, two_class_problem, weight_scales


@dataclass(frozen=True)
class Snapshot:
    """The ensemble at one inverse temperature (inf: trained to the end) with values by network and by seed."""

    beta: float
    weights: sampling.Weights
    by_network: dict[str, Tensor] = field(default_factory=dict)
    by_seed: dict[str, Tensor] = field(default_factory=dict)


def run(
    params: Ensemble, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Every seed is an ensemble of its own. Zero temperature (gradient descent) is a null ``beta``.

    By ``member``: ``output`` f of the test image, ``probability`` the exact posterior's CDF there (uniform on
    [0, 1] if the ensemble samples the posterior), ``loss``; for gradient descent ``step`` of convergence, -1 where
    a network did not converge. Every network is listed, converged or not; one whose numbers left the float
    range has only ``diverged`` = 1; for HMC ``average_loss``, the mean loss of a chain over the second half of its
    moves. By seed: ``exact_mean_loss``, ``converged_fraction``; for HMC ``acceptance`` and ``step_size``.
    """
    dataset = require(dataset)
    problem = two_class_problem(params, dataset)
    images, test_image = sampling.rotated_inputs(problem.images, problem.test_image)
    tables = []
    with progress(total=len(params.hidden_widths), desc="networks") as bar:
        for widths in params.hidden_widths:
            label = network_label(widths)
            bar.set_postfix_str(label)
            sigmas = weight_scales(widths, params.weight_scale)
            posterior = exact.Posterior(images, problem.targets, widths, sigmas)
            networks = sampling.LinearNetworks(images, problem.targets, widths, sigmas, device)
            streams = sampling.Streams(seeds, params.networks, f"{params.sampler} {label}", device)
            for snapshot in SAMPLERS[params.sampler](params, networks, streams):
                known = {"network": label} | ({"beta": snapshot.beta} if np.isfinite(snapshot.beta) else {})
                outputs = networks.outputs(snapshot.weights, test_image)
                rows = judged(snapshot, outputs, networks.loss(snapshot.weights), posterior, test_image, seeds)
                tables += [tidy(Ensemble.columns, **known, **row) for row in rows]
            bar.update(1)
    return pa.concat_tables(tables, promote_options="permissive").cast(schema_of(Ensemble.columns))


def judged(snapshot, outputs, loss, posterior, test_image, seeds):
    outputs, loss = (tensor.double().cpu().numpy() for tensor in (outputs, loss))
    whole = np.isfinite(outputs) & np.isfinite(loss)
    law = posterior.predictive(snapshot.beta, test_image)
    seed = np.repeat(np.asarray(seeds), len(outputs) // len(seeds))
    member = np.tile(np.arange(len(outputs) // len(seeds)), len(seeds))
    by_network = {"output": outputs, "loss": loss, "probability": law.cdf(np.where(whole, outputs, 0))}
    by_network |= {quantity: values.cpu().numpy() for quantity, values in snapshot.by_network.items()}
    for quantity, values in by_network.items():
        yield {"seed": seed[whole], "member": member[whole], "quantity": quantity, "value": values[whole].astype(float)}
    if not whole.all():
        ones = np.ones(np.sum(~whole))
        yield {"seed": seed[~whole], "member": member[~whole], "quantity": "diverged", "value": ones}
    by_seed = {"exact_mean_loss": np.full(len(seeds), posterior.mean_loss(snapshot.beta))}
    by_seed |= {quantity: values.double().cpu().numpy() for quantity, values in snapshot.by_seed.items()}
    for quantity, values in by_seed.items():
        yield {"seed": np.asarray(seeds), "quantity": quantity, "value": values}


def annealed_chains(params, networks, streams) -> Iterator[Snapshot]:
    rungs = sampling.hamiltonian_monte_carlo(
        networks,
        networks.draw(streams),
        params.betas,
        streams,
        moves=params.moves,
        leapfrogs=params.leapfrogs,
        target=params.acceptance,
    )
    for rung in rungs:
        by_seed = {"acceptance": rung.acceptance, "step_size": rung.step}
        yield Snapshot(rung.beta, rung.weights, {"average_loss": rung.average_loss}, by_seed)


def langevin_ladder(params, networks, streams) -> Iterator[Snapshot]:
    for beta in params.betas:
        weights = sampling.langevin(
            networks,
            networks.draw(streams),
            beta,
            streams,
            steps=params.steps,
            step_size=params.step_size,
            batch_size=params.batch_size,
            tamed=params.tamed,
        )
        yield Snapshot(beta, weights)


def trained(params, networks, streams) -> Iterator[Snapshot]:
    end = sampling.gradient_descent(
        networks,
        sampling.compressed(networks.draw(streams)),
        sampling.learning_rate(networks, params.safety),
        tolerance=params.tolerance,
        max_steps=params.max_steps,
    )
    converged = streams.average((end.step >= 0).double())
    yield Snapshot(np.inf, end.weights, {"step": end.step}, {"converged_fraction": converged})


SAMPLERS = {"hmc": annealed_chains, "langevin": langevin_ladder, "gradient_descent": trained}
