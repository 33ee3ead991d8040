"""Saddle point of the posterior over Gram matrices: kernel renormalisation of several outputs.

Where widths are large against the number K of outputs, the prior of G = T Tᵀ, T = E[G]^½ R_h ... R_1 with
lower-triangular K × K factors of the h hidden layers, has the logarithm -Σ_l n_l/2 (tr R_l R_lᵀ - ln det R_l R_lᵀ), and
the posterior is at the largest of its sum with the log likelihood (Li and Sompolinsky 2021; for one output
:meth:`nnstatmech.linear_bnn.posterior.Posterior.renormalised_scale`). It is exact where images and widths grow together
and an approximation at finite widths, most of all for fewer units than outputs.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from .domain import whole_widths
from .gram_posterior import TrainingDirections, log_likelihood, product

SLOPE = 1e-4
"""Of the action, a unit of all hidden layers, below which it counts as stationary: rounding leaves 1e-5 at n = 2."""


def renormalised_gram(
    hidden_widths: Sequence[int], outputs: int, size: float, training: TrainingDirections, beta: float
) -> np.ndarray:
    """The matrix G (K, K) at the saddle point that is reached from the prior mean.

    Parameters
    ----------
    hidden_widths
        n_1..n_{d-1}, at least one.
    size
        The prior mean of G is this times the unit matrix.

    Raises
    ------
    ValueError
        If a width is below 1 or not whole.
    RuntimeError
        If the search does not converge.
    """
    widths = np.asarray(whole_widths("hidden widths", hidden_widths), float)[::-1]
    rows, columns = np.tril_indices(outputs)
    diagonal = rows == columns

    def factors_of(numbers):
        """Lower triangles, the diagonal by its logarithm."""
        factors = np.zeros((len(widths), outputs, outputs))
        numbers = numbers.reshape(len(widths), -1)
        factors[:, rows, columns] = np.where(diagonal, np.exp(np.where(diagonal, numbers, 0.0)), numbers)
        return list(factors)

    def action(numbers):
        factors = factors_of(numbers)
        root = product(factors)
        value, slope = log_likelihood(size * (root @ root.T)[None], training, beta)
        by_root = 2 * size * slope[0] @ root
        entropy, gradients = 0.0, []
        for index, (width, factor) in enumerate(zip(widths, factors, strict=True)):
            entropy += width * np.sum(factor**2 / 2 - np.diag(np.log(np.diag(factor))))
            before, behind = (product([np.eye(outputs), *part]) for part in (factors[:index], factors[index + 1 :]))
            by_factor = (width * factor - before.T @ by_root @ behind.T)[rows, columns]
            gradients.append(np.where(diagonal, by_factor * factor[rows, columns] - width, by_factor))
        return (entropy - value[0]) / widths.sum(), np.concatenate(gradients) / widths.sum()

    start = np.zeros(len(widths) * len(rows))
    found = minimize(action, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 0, "gtol": 1e-10})
    if np.abs(found.jac).max() > SLOPE:
        raise RuntimeError(f"no saddle point found: {found.message}")
    root = product(factors_of(found.x))
    return size * root @ root.T
