"""Task ``prior``: exact priors of finite networks, and outputs of random weight matrices to hold against them.

All networks have unit variance of an output component, and lengths |h| are in units of their root mean square.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from scipy.integrate import trapezoid
from scipy.optimize import elementwise

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import schema_of, tidy
from .. import asymptotics, bessel, comparison, prior
from ..params import Prior
from ..random_networks import random_network_outputs
from ..two_classes import network_label

TAIL = np.array([1e3, 1e4, 1e5])
"""|h| / kappa at which the tail's expansion is compared."""


def run(
    params: Prior, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Rows without a seed are exact; those with a seed are from ``samples`` random networks each.

    By length |h| (``position``, in units of its root mean square): ``log_radial`` ln density of the length,
    ``log_radial_process`` the same at infinite width; ``sampled_radial`` a histogram of random networks.
    By equiprobable bin: ``bin_count`` random networks in it. By |h| / kappa: ``tail_residual`` exact minus
    expanded ln p. Without position: ``total_mass`` integral of the density, ``atom`` P(h = 0),
    ``excess_kurtosis`` of a component and ``sampled_excess_kurtosis``, ``js_distance`` of a component to the
    Gaussian process and ``js_distance_law`` its leading order, ``halved_argument_log2_mass`` log2 of the integral
    of the density with K(|h| / 2 kappa) in place of K(|h| / kappa) (one hidden layer).
    """
    tables = []
    with progress(total=len(params.hidden_widths) * (1 + len(seeds)), desc="priors") as bar:
        for widths in params.hidden_widths:
            label = network_label(widths)
            bar.set_postfix_str(label)
            rows = exact_rows(params, widths)
            bins = bin_edges(params, widths, unit_variance_kappa(params, widths))
            bar.update(1)
            for seed in seeds:
                rows += sampled_rows(params, widths, bins, seed, device)
                bar.update(1)
            tables += [tidy(Prior.columns, network=label, **row) for row in rows]
    return pa.concat_tables(tables, promote_options="permissive").cast(schema_of(Prior.columns))


def unit_variance_kappa(params, widths):
    return prior.component_variance(widths, 1.0, params.activation) ** -0.5


def exact_rows(params, widths):
    kappa, rms = unit_variance_kappa(params, widths), params.n_out**0.5
    law = (widths, params.n_out, kappa, params.activation)
    x = params.reach * np.arange(1, params.points + 1) / params.points
    process = prior.log_radial(rms * x, (), params.n_out)
    log_length = np.linspace(-60, 20, 4001)
    density = np.exp(prior.log_radial(np.exp(log_length), *law) + log_length)
    scalars = {
        "total_mass": trapezoid(density, log_length),
        "atom": prior.atom(widths, params.activation),
        "excess_kurtosis": prior.component_excess_kurtosis(widths, params.activation),
        "js_distance": js_distance_to_process(widths, kappa, params.activation),
    }
    rows = [
        {"quantity": "log_radial", "position": x, "value": prior.log_radial(rms * x, *law) + np.log(rms)},
        {"quantity": "log_radial_process", "position": x, "value": process + np.log(rms)},
    ]
    if params.activation == "linear":
        scalars["js_distance_law"] = asymptotics.js_distance_to_gaussian_process(widths)
        residual = prior.log_prior(TAIL, widths, params.n_out) - asymptotics.log_tail(TAIL, widths, params.n_out, 1.0)
        rows.append({"quantity": "tail_residual", "position": TAIL, "value": residual})
        if len(widths) == 1:
            scalars["halved_argument_log2_mass"] = halved_argument_log2_mass(widths[0], params.n_out)
    return rows + [{"quantity": quantity, "value": np.array([value])} for quantity, value in scalars.items()]


def js_distance_to_process(widths, kappa, activation):
    """Of one output component to N(0, 1), the atom of a ReLU network being disjoint from the process."""
    log_h = np.linspace(-40, np.log(60), 2001)
    h = np.exp(log_h)
    exact = 2 * np.exp(prior.log_prior(h, widths, 1, kappa, activation)) * h
    process = 2 * np.exp(asymptotics.log_gaussian_process(h, 1, 1.0)) * h
    apart = comparison.js_distance_on_grid(exact, process, log_h) ** 2
    return np.sqrt(apart + prior.atom(widths, activation) * np.log(2) / 2)


def halved_argument_log2_mass(width, n_out):
    """log2 of the integral over all h of the depth-two density with the Bessel function at |h| / (2 kappa)."""
    log_r = np.linspace(-60, np.log(4000.0 + 20 * (width + n_out)), 4001)
    r, nu = np.exp(log_r), (width - n_out) / 2
    wrong = bessel.log_bessel_k(nu, r / 2) - bessel.log_bessel_k(nu, r)
    log_mass_density = wrong + bessel.log_prior_depth_two(r, width, n_out)
    log_mass_density += prior.log_radial(r, (), n_out) - asymptotics.log_gaussian_process(r, n_out, 1.0) + log_r
    top = log_mass_density.max()
    return (top + np.log(trapezoid(np.exp(log_mass_density - top), log_r))) / np.log(2)


def sampled_rows(params, widths, bins, seed, device):
    kappa, rms = unit_variance_kappa(params, widths), params.n_out**0.5
    generator = torch_stream(seed, "random networks", network_label(widths), device=device)
    inputs = torch.randn(params.inputs, generator=generator, device=device)
    sigmas = [kappa / float(inputs.norm())] + [1.0] * len(widths)
    outputs = random_network_outputs(inputs, widths, params.n_out, sigmas, params.activation, params.samples, generator)
    components = outputs[:, 0].double().cpu().numpy()
    length = outputs.double().norm(dim=1).cpu().numpy() / rms
    edges = np.linspace(0, params.reach, params.histogram_bins + 1)
    positive = length[length > 0]
    density = np.histogram(positive, edges)[0] / (len(length) * np.diff(edges))
    counts = np.bincount(np.searchsorted(bins, rms * positive, side="right"), minlength=params.bins)
    kurtosis = np.mean(components**4) / np.mean(components**2) ** 2 - 3
    return [
        {"seed": seed, "quantity": "sampled_radial", "position": (edges[1:] + edges[:-1]) / 2, "value": density},
        {"seed": seed, "quantity": "bin_count", "position": np.arange(params.bins, dtype=float), "value": counts},
        {"seed": seed, "quantity": "sampled_excess_kurtosis", "value": np.array([kurtosis])},
    ]


def bin_edges(params, widths, kappa):
    """Lengths |h| between bins that are equally probable given h != 0."""
    log_mass = np.log(1 - prior.atom(widths, params.activation))
    log_shares = np.log(np.arange(1, params.bins) / params.bins) + log_mass

    def excess(log_length, log_share):
        return prior.log_cdf(np.exp(log_length), widths, params.n_out, kappa, params.activation) - log_share

    start = np.full(log_shares.shape, np.log(params.n_out) / 2)
    found = elementwise.bracket_root(excess, start - 1, start + 1, args=(log_shares,))
    return np.exp(elementwise.find_root(excess, found.bracket, args=(log_shares,)).x)
