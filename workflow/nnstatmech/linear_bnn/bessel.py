"""Modified Bessel function K in log space, and the closed form of the prior of networks of depth two."""

import numpy as np
from scipy.special import gammaln, logsumexp

NODES = 400
WINDOW = 45.0


def log_bessel_k(nu, z) -> np.ndarray:
    """ln K_nu(z) for real order ``nu`` and z > 0, broadcast against each other.

    From K_nu(z) = 1/2 int exp(-z cosh t + nu t) dt by the trapezoidal rule on the window in which the
    exponent is within 45 of its maximum at t = asinh(nu / z). The integrand is positive and analytic, so the
    rule converges geometrically, also where scipy's ``kve`` overflows (nu = 49.5 at small z).

    Raises
    ------
    ValueError
        If z is not positive.
    """
    nu, z = np.broadcast_arrays(np.abs(np.asarray(nu, float)), np.asarray(z, float))
    if not np.all(z > 0):
        raise ValueError("K_nu(z) is evaluated for z > 0 only")
    # At a distance w from the maximum the exponent has dropped by the sum of two positive terms:
    # stiffness (cosh w - 1) + nu (e^w - 1 - w); each alone bounds the window.
    height = np.hypot(nu, z)
    stiffness = z**2 / (height + nu)
    right = np.arccosh(1 + WINDOW / height)
    with np.errstate(divide="ignore", invalid="ignore"):
        gentle = (WINDOW + np.sqrt(WINDOW * (WINDOW + 8 * nu))) / (2 * nu)
        left = np.fmin(np.arccosh(1 + WINDOW / stiffness), gentle)
    step = (left + right) / (NODES - 1)
    w = step[..., None] * np.arange(NODES) - left[..., None]
    drop = stiffness[..., None] * 2 * np.sinh(w / 2) ** 2 + nu[..., None] * (np.expm1(w) - w)
    return logsumexp(-drop, axis=-1) + np.log(step / 2) - height + nu * np.arcsinh(nu / z)


def log_prior_depth_two(r, hidden_width: int, n_out: int, kappa=1.0) -> np.ndarray:
    """ln p(h) of a linear network with one hidden layer at r = |h| > 0, in closed form.

    p = (4 pi kappa^2)^(-n_out/2) 2/Gamma(n_1/2) (r / 2 kappa)^nu K_nu(r / kappa) with nu = (n_1 - n_out)/2.
    """
    x, nu = np.asarray(r, float) / kappa, (hidden_width - n_out) / 2
    log_scale = -n_out / 2 * np.log(4 * np.pi * kappa**2) + np.log(2) - gammaln(hidden_width / 2)
    return log_scale + nu * np.log(x / 2) + log_bessel_k(nu, x)
