"""What mean-field theory predicts for fully connected vanilla networks, from the first measured layer on.

Pre-activations y^l have the length q_l = nu_2(y^l) and, between two images, the correlation c_l; noise is multiplied by
chi_1(q_l) = sigma_w^2 E phi'^2 in each layer (Schoenholz et al. 2017). See :mod:`nnstatmech.theory.mean_field`.
"""

import numpy as np
import pandas as pd

from ..readings import over_seeds, parameters_of
from ..theory import activations
from ..theory.kernels import Kernel
from ..theory.mean_field import MeanField
from .curves import raw, setting


def ensemble(params: dict) -> MeanField:
    """The ensemble of wide networks that a run's networks are of."""
    activation = getattr(activations, setting(params, "activation").upper())
    return MeanField(setting(params, "weight_variance"), setting(params, "bias_variance"), activation)


def susceptibility(theory: MeanField, length: float) -> float:
    """chi_1 of a layer whose pre-activations have the variance ``length``."""
    kernel = theory.cone or Kernel(theory.activation, length)
    return theory.weight_variance * kernel.slope_square


def contrasts(table: pd.DataFrame) -> pd.DataFrame:
    """1 - c of the pre-activations, mean over pairs of images: seeds x depths."""
    images = parameters_of(table)["batch_size"]
    ratio = raw(table, "preactivation", "mu2_signal") / raw(table, "preactivation", "nu2_signal")
    return ratio * images / (images - 1)


def measured(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What :func:`predicted` predicts, as it was measured: seeds x depths each."""
    return {
        "length": raw(table, "preactivation", "nu2_signal"),
        "contrast": contrasts(table),
        "log_noise": raw(table, "preactivation", "log_mu2_noise"),
        "log_chi": raw(table, "preactivation", "log_chi"),
    }


def predicted(table: pd.DataFrame) -> pd.DataFrame:
    """Mean-field theory from the first measured layer on, without any fit.

    Returns
    -------
    pandas.DataFrame
        Indexed by measured depth: ``length`` q, ``contrast`` 1 - c, ``log_noise`` ln mu_2(dy), ``log_chi``.
    """
    params = parameters_of(table)
    theory = ensemble(params)
    depths = measured(table)["length"].columns.to_numpy()
    start = {name: float(over_seeds(values)["mean"].iloc[0]) for name, values in measured(table).items()}
    layers = np.arange(depths[0], depths[-1] + 1)
    lengths, correlations = theory.trajectory(start["length"], 1 - start["contrast"], len(layers))
    growth = [np.log(susceptibility(theory, length)) for length in lengths[:-1]]
    log_noise = start["log_noise"] + np.concatenate([[0.0], np.cumsum(growth)])
    with np.errstate(divide="ignore"):  # images that have become one
        log_signal = np.log(lengths * (1 - correlations) * (1 - 1 / params["batch_size"]))
    values = {
        "length": lengths,
        "contrast": 1 - correlations,
        "log_noise": log_noise,
        "log_chi": (log_noise - log_signal) / 2,
    }
    return pd.DataFrame(values, index=layers).loc[depths]
