"""Exact prior of the output of a finite fully connected network with Gaussian weights and no biases.

The network is h_l = W_l phi(h_{l-1}) with depth d = number of weight layers, hidden widths n_1..n_{d-1},
output width n_out = n_d, entries of W_l independent N(0, sigma_l^2). Everything depends on the one input x
and the weight scales through

    kappa = sigma_1 sigma_2 ... sigma_d |x|.

Rotation invariance makes the output a product of independent factors: |h| = kappa chi_{n_1} ... chi_{n_d}
for a linear network, and its direction is uniform. A layer of rectified linear units has k of its n units
active, k ~ Binomial(n, 1/2), and contributes chi_k; with probability 1 - prod(1 - 2^-n_l) a layer is silent
and h = 0 (an atom). Densities below are those of the continuous part.

Two pitfalls of the literature on these formulas. For depth two the density is proportional to
|h|^nu K_nu(|h| / kappa) with nu = (n_1 - n_2) / 2; with the argument |h| / (2 kappa) it integrates to
2^((n_1 + n_2) / 2) instead of one. And |x| is the norm of a single input, not that of a whole data set.

All functions take ``r`` = |h| >= 0 of any shape and evaluate in float64 by :mod:`nnstatmech.linear_bnn.mellin`.
The marginal of one output component, or of any unit combination of them, is the case ``n_out=1``.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.special import gammaln, logsumexp

from .domain import finite, positive, whole_widths
from .mellin import Factor, GammaFactor, RectifiedFactor, log_inverse_mellin

Activation = Literal["linear", "relu"]


def log_prior(r, hidden_widths: Sequence[int], n_out=1, kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """ln p(h) at ``|h| = r``: density over R^n_out (for ReLU of the part away from the atom).

    Diverges (+inf) at r = 0 unless every hidden layer is wider than the output.

    Raises
    ------
    ValueError
        If a width is below 1, kappa is not positive, r is negative or the activation is unknown.
    """
    log_sphere = np.log(2) + n_out / 2 * np.log(np.pi) - gammaln(n_out / 2)
    return log_radial_over_power(r, hidden_widths, n_out, kappa, activation, power=n_out - 1) - log_sphere


def log_radial(r, hidden_widths: Sequence[int], n_out=1, kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """ln of the density of the length R = |h| on (0, inf); errors as in :func:`log_prior`."""
    return log_radial_over_power(r, hidden_widths, n_out, kappa, activation, power=0)


def log_cdf(r, hidden_widths: Sequence[int], n_out=1, kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """ln P(0 < R <= r): the atom of a ReLU network is not counted. Accurate in the lower tail."""
    return log_probability(r, hidden_widths, n_out, kappa, activation, "distribution")


def log_survival(r, hidden_widths: Sequence[int], n_out=1, kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """ln P(R > r), accurate in the upper tail."""
    return log_probability(r, hidden_widths, n_out, kappa, activation, "survival")


def cdf(r, hidden_widths: Sequence[int], n_out=1, kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """P(R <= r), the atom at zero included; at most 1."""
    continuous = np.exp(log_cdf(r, hidden_widths, n_out, kappa, activation))
    return np.minimum(atom(hidden_widths, activation) + continuous, 1.0)


def component_cdf(h, hidden_widths: Sequence[int], kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """P(h_1 <= h) of one output component, ``h`` of either sign; right-continuous at the atom."""
    h = np.asarray(h, float)
    half = np.minimum(np.exp(log_survival(np.abs(h), hidden_widths, 1, kappa, activation)), 1.0) / 2
    return np.where(h < 0, half, 1 - half)


def atom(hidden_widths: Sequence[int], activation: Activation = "linear") -> float:
    """P(h = 0): 1 - prod(1 - 2^-n_l) for ReLU networks, 0 for linear ones; errors as in :func:`log_prior`."""
    factors_of(hidden_widths, 1, activation)
    if activation == "linear":
        return 0.0
    return -np.expm1(np.sum(np.log1p(-(0.5 ** np.asarray(hidden_widths, float)))))


def moment(order, hidden_widths: Sequence[int], n_out=1, kappa=1.0, activation: Activation = "linear") -> np.ndarray:
    """E |h|^order for real orders above minus the smallest width (above -1 for ReLU hidden layers).

    E |h|^2 = kappa^2 prod n_l and E |h|^4 = kappa^4 prod n_l (n_l + 2) for linear networks.
    """
    factors = factors_of(hidden_widths, n_out, activation)
    positive("kappa", kappa)
    s = finite("order", order) / 2
    if np.any(s <= -min(factor.edge for factor in factors)):
        raise ValueError(f"the moment of order {order} does not exist for widths {(*hidden_widths, n_out)}")
    log_moment = sum(factor.log_moment(s + factor.edge) for factor in factors)
    return np.exp(log_moment + s * (len(factors) * np.log(2) + 2 * np.log(kappa)))


def component_variance(hidden_widths: Sequence[int], kappa=1.0, activation: Activation = "linear") -> float:
    """E h_1^2, which is also the variance of the Gaussian process of infinite width."""
    return float(moment(2, hidden_widths, 1, kappa, activation))


def component_excess_kurtosis(hidden_widths: Sequence[int], activation: Activation = "linear") -> float:
    """E h_1^4 / (E h_1^2)^2 - 3 of one component: 3 (prod (1 + 2/n_l) - 1) over the hidden layers if linear."""
    second, fourth = moment([2, 4], hidden_widths, 1, 1.0, activation)
    return float(fourth / second**2 - 3)


def sample(
    size: int,
    hidden_widths: Sequence[int],
    n_out=1,
    kappa=1.0,
    activation: Activation = "linear",
    *,
    generator: np.random.Generator,
) -> np.ndarray:
    """``size`` independent outputs, shape (size, n_out), from the product of chi variables (no weight matrix)."""
    factors_of(hidden_widths, n_out, activation)
    positive("kappa", kappa)
    length = np.full(size, float(kappa))
    for width in hidden_widths:
        active = generator.binomial(width, 0.5, size) if activation == "relu" else np.full(size, width)
        # chi^2 of zero degrees of freedom is the constant 0, which NumPy's Gamma sampler allows.
        length *= np.sqrt(2 * generator.standard_gamma(active / 2))
    return length[:, None] * generator.standard_normal((size, n_out))


def factors_of(hidden_widths, n_out, activation) -> list[Factor]:
    """The independent factors of Y = |h|^2 / (2^d kappa^2)."""
    *hidden, outputs = whole_widths("widths", (*hidden_widths, n_out))
    output = GammaFactor(outputs)
    if activation == "linear":
        return [*map(GammaFactor, hidden), output]
    if activation == "relu":
        return [*(RectifiedFactor(width, 1, width) for width in hidden), output]
    raise ValueError(f"activation {activation!r}: 'linear' or 'relu' is allowed")


def separated(factors: list[Factor], n_out: int) -> list[list[Factor]]:
    """A disjoint split of the law into products whose first pole carries its full weight.

    Fewer active units than outputs are improbable but dominate close to h = 0. On one contour with all the
    rest they would be lost to cancellation, so the cases "m units active in layer l, more in the layers before,
    at least m in those behind" are integrated one by one for m < n_out.
    """
    hidden, output = [layer for layer in factors[:-1] if isinstance(layer, RectifiedFactor)], factors[-1]
    if n_out == 1 or not hidden:
        return [factors]

    def at_least(layers: list[RectifiedFactor], m: int) -> list[RectifiedFactor]:
        return [replace(layer, smallest=m) for layer in layers]

    cases = [[*at_least(hidden, n_out), output]]
    for m in range(1, n_out):
        for index, layer in enumerate(hidden):
            fixed = replace(layer, smallest=m, largest=m)
            cases.append([*at_least(hidden[:index], m + 1), fixed, *at_least(hidden[index + 1 :], m), output])
    return [case for case in cases if all(layer.smallest <= min(layer.largest, layer.width) for layer in case[:-1])]


def log_law_of_length(r, factors, n_out, kappa, quantity):
    log_y = 2 * (np.log(r) - np.log(kappa)) - len(factors) * np.log(2)
    cases = [factors] if quantity == "survival" else separated(factors, n_out)
    return logsumexp([log_inverse_mellin(log_y, case, quantity) for case in cases], axis=0)


def checked_length(r, kappa):
    r = np.asarray(r, float)
    if not np.all(r >= 0):
        raise ValueError("r is a length |h|: it has to be >= 0")
    positive("kappa, the product of weight scales and input norm,", kappa)
    return r


def log_radial_over_power(r, hidden_widths, n_out, kappa, activation, power):
    """ln of f_R(r) / r^power."""
    factors, r = factors_of(hidden_widths, n_out, activation), checked_length(r, kappa)
    inside = (r > 0) & (r < np.inf)
    result = np.full(r.shape, -np.inf)
    result[r == 0] = log_radial_at_origin(factors, kappa, power)
    log_density = log_law_of_length(r[inside], factors, n_out, kappa, "density")
    result[inside] = np.log(2) + log_density - (power + 1) * np.log(r[inside])
    return result


def log_radial_at_origin(factors, kappa, power):
    """Limit r -> 0 of ln f_R / r^power: f_R ~ r^(n_min - 1), with logarithms where n_min occurs more than once."""
    narrowest = min(factors, key=lambda factor: factor.edge)
    others = [factor for factor in factors if factor is not narrowest]
    exponent = round(2 * narrowest.edge) - 1 - power
    if exponent > 0:
        return -np.inf
    if exponent < 0 or any(factor.edge == narrowest.edge for factor in others):
        return np.inf
    log_scale = 2 * narrowest.edge * (np.log(kappa) + len(factors) / 2 * np.log(2))
    log_moments = sum(factor.log_moment(factor.edge - narrowest.edge) for factor in others)
    return np.log(2) + narrowest.log_residue() + log_moments - log_scale


def log_probability(r, hidden_widths, n_out, kappa, activation, quantity):
    factors, r = factors_of(hidden_widths, n_out, activation), checked_length(r, kappa)
    inside = (r > 0) & (r < np.inf)
    everything = np.log1p(-atom(hidden_widths, activation))
    full_end = np.inf if quantity == "distribution" else 0
    result = np.where(r == full_end, everything, -np.inf)
    result[inside] = log_law_of_length(r[inside], factors, n_out, kappa, quantity)
    return result
