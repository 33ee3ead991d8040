"""Learning curves of the linear classifier, and its preactivations beside their law before training."""

import numpy as np
import pandas as pd

from ...readings import by_seed, parameters_of, select
from ..comparison import Agreement, equiprobable
from ..prior import component_cdf, log_prior
from .rows import exact_number, profiles


def by_epoch(table: pd.DataFrame, quantity: str, split: str | None = None) -> pd.DataFrame:
    """A number of each network, realisations times epochs; no split: one that belongs to none."""
    return by_seed(select(table, quantity=quantity, split=split), "epoch")


def input_norm(table: pd.DataFrame) -> float:
    """Length of the image that is shown."""
    return exact_number(select(table, quantity="input_norm"))


def kappa(table: pd.DataFrame) -> float:
    """σ₁ σ₂ |x| of the untrained network and the image that is shown."""
    return exact_number(select(table, quantity="kappa"))


def exact_marginal(table: pd.DataFrame, h: np.ndarray) -> np.ndarray:
    """Density of one preactivation of the untrained network, for Gaussian weights of the same variances."""
    return np.exp(log_prior(np.abs(h), [parameters_of(table)["width"]], 1, kappa(table)))


def exact_deviation(table: pd.DataFrame) -> float:
    """Standard deviation of a preactivation of the untrained network: κ √n."""
    return kappa(table) * float(np.sqrt(parameters_of(table)["width"]))


def kept_epochs(table: pd.DataFrame) -> list[int]:
    """The epochs whose preactivations were kept."""
    return sorted(select(table, quantity="preactivations")["epoch"].unique())


def components(table: pd.DataFrame, epoch: int, quantity: str = "preactivations", seed: int | None = None):
    """Preactivations of all networks, or of one, after an epoch; ``transposed``: of the transposed matrices."""
    where = {"quantity": quantity, "epoch": epoch} | ({} if seed is None else {"seed": seed})
    return profiles(select(table, **where)).ravel()


def agreements(table: pd.DataFrame, epoch: int) -> dict[int, Agreement]:
    """Preactivations of each network in equiprobable bins of their law before training, by seed."""
    width = parameters_of(table)["width"]
    return {
        int(seed): equiprobable(component_cdf(components(table, epoch, seed=seed), [width], kappa(table)))
        for seed in sorted(select(table, quantity="preactivations", epoch=epoch)["seed"].unique())
    }
