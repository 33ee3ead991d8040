"""Gaussian integrals in one and two dimensions whose error is controlled.

The line is cut into panels: at 0, at every named kink, in steps that grow with the distance from 0 (non-linearities are
steep on the scale of 1, whatever the variance) and that are never wider than the Gaussian allows. On each panel a
Gauss-Legendre rule integrates, and the last Legendre coefficients of the integrand that the rule's nodes tell bound its
error: the rule is exact for twice as many, which are smaller, much smaller where the integrand is smooth. Panels on
which they are too large are halved. A kink inside a panel is found by the same means, only at a high price; one that
ends a panel costs nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.polynomial import legendre

Function = Callable[[np.ndarray], np.ndarray]

RULE = 20
NODES, WEIGHTS = legendre.leggauss(RULE)
# Rows give the last three Legendre coefficients of a function from its values at the nodes.
LAST_COEFFICIENTS = ((legendre.legvander(NODES, RULE - 1) * WEIGHTS[:, None]).T * (np.arange(RULE)[:, None] + 0.5))[-3:]
# Largest last coefficients, relative to the whole integral. Errors are smaller: by ten at kinks, else by far more.
TOLERANCE = 1e-14
# Halvings of one panel, and nodes of one integral, after which it counts as out of reach.
HALVINGS, LARGEST_WORK = 60, 20_000_000
# The standard deviations that integrals reach over: e^(-38²/2) is the smallest density of double precision; what
# correlated integrals leave out beyond 13, e^(-13²/2), is 10^-37.
REACH, CORRELATED_REACH = 38.0, 13.0
# Wide panels beyond this many standard deviations: only functions that grow exponentially have anything there.
BULK = 9.5


class Unresolved(ValueError):
    """An integral that halving panels does not bring to the wanted accuracy."""


def integrate(function: Function, edges: np.ndarray, scale: np.ndarray | float | None = None):
    """The integral of ``function`` over the panels between ``edges``, and the edges with those of halved panels.

    Parameters
    ----------
    function
        Maps nodes of shape (..., panels, nodes) to values of shape (functions, ..., panels, nodes); the axis of
        functions is optional.
    edges
        Ascending, of shape (..., panels + 1): each row has panels of its own; a panel is halved in all rows at once.
    scale
        What the error is relative to, by default the integral of the absolute value.

    Raises
    ------
    Unresolved
        If the wanted accuracy is not reached.
    ValueError
        If the function is not a number somewhere. An infinite value gives an infinite integral.
    """
    left, right = edges[..., :-1], edges[..., 1:]
    total, work, borders = 0.0, 0, [edges]
    for _ in range(HALVINGS):
        half = (right - left) / 2
        nodes = (left + half)[..., None] + half[..., None] * NODES
        work += nodes.size
        if work > LARGEST_WORK:
            break
        values = function(nodes)
        if np.isnan(values).any():
            raise ValueError("a function is not a number somewhere on the line")
        if np.isinf(values).any():
            return np.full(values.shape[:-2], np.inf), edges
        if scale is None:
            scale = ((np.abs(values) @ WEIGHTS) * half).sum(-1)
        errors = 2 * half * np.abs(values @ LAST_COEFFICIENTS.T).max(-1)
        coarse = (errors > TOLERANCE * np.asarray(scale)[..., None]).reshape(-1, half.shape[-1]).any(0)
        total = total + ((values @ WEIGHTS) * half)[..., ~coarse].sum(-1)
        if not coarse.any():
            return total, np.sort(np.concatenate(borders, -1), -1)
        left, right, middle = left[..., coarse], right[..., coarse], (left + half)[..., coarse]
        borders.append(middle)
        left, right = np.concatenate([left, middle], -1), np.concatenate([middle, right], -1)
    raise Unresolved("a Gaussian integral is not resolved: name the points where the function or a derivative jumps")


def line_edges(deviation: float, kinks: Sequence[float] = (), reach: float = REACH) -> np.ndarray:
    """Edges of the panels over u ~ N(0, ``deviation``²): see the module."""
    positive = [0.0]
    while positive[-1] < BULK * deviation:
        positive.append(positive[-1] + min(max(positive[-1], min(1.0, deviation)), 1.5 * deviation))
    positive += [step * deviation for step in (14.0, 20.0, 28.0, 38.0)]
    edges = np.concatenate([-np.array(positive[:0:-1]), positive, kinks])
    limit = reach * deviation
    return np.unique(np.clip(edges, -limit, limit))


def gaussian_integral(function: Function, variance: float, kinks: Sequence[float] = (), scale: float | None = None):
    """E f(u) for u ~ N(0, ``variance``), relative to ``scale``, and the edges of panels that resolve the integrand."""
    deviation = np.sqrt(variance)

    def integrand(u):
        return function(u) * (np.exp(-((u / deviation) ** 2) / 2) / (np.sqrt(2 * np.pi) * deviation))

    with np.errstate(over="ignore"):
        return integrate(integrand, line_edges(deviation, kinks), scale)


def gaussian_mean(function: Function, variance: float, kinks: Sequence[float] = ()):
    """E f(u) for u ~ N(0, ``variance``): a number, or an array if the function returns a stack of arrays.

    Parameters
    ----------
    function
        Maps an array to an array of its shape, or to a stack of several.
    variance
        Non-negative and finite.
    kinks
        Where the function or one of its derivatives jumps.

    Raises
    ------
    Unresolved
        If the integral is not resolved to about 10⁻¹⁵ of E |f|.

    Examples
    --------
    >>> round(float(gaussian_mean(lambda u: np.cos(u), 2.0)), 12)  # exp(-1)
    0.367879441171
    >>> float(gaussian_mean(np.abs, np.pi / 2))
    1.0
    """
    if variance == 0:
        return function(np.zeros(1))[..., 0]
    return gaussian_integral(function, variance, kinks)[0]


def plane_mean(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    variances: tuple[float, float],
    distance: float,
    kinks: Sequence[float],
    scale: float,
) -> float:
    """E f(u₁, u₂) for Gaussian u₁, u₂ of correlation 1 - ``distance``, to about 10⁻¹⁵ of ``scale``.

    With the correlation cos 2a, u = σ (cos a x ± sin a y) for independent normal x and y. The integral over the one of
    them that counts more (x for positive correlations) is cut where u₁ or u₂ crosses an edge of its own line, so that
    no layer is ever narrower than a panel, however close the correlation is to 1. Between the heights at which such
    edges of u₁ and u₂ cross, what is left is a smooth function of the other.
    """
    first, second = np.sqrt(variances)
    sine, cosine = np.sqrt(distance / 2), np.sqrt(1 - distance / 2)
    if distance <= 1:
        inner, outer = (first * cosine, second * cosine), (first * sine, -second * sine)
    else:
        inner, outer = (first * sine, -second * sine), (first * cosine, second * cosine)
    lines = [line_edges(deviation, kinks, CORRELATED_REACH) for deviation in (first, second)]

    def strip(y):
        """The integral over x at each y, with the density of y."""
        heights = y.reshape(-1, 1)
        crossings = [(line - by * heights) / ax for line, ax, by in zip(lines, inner, outer, strict=True)]
        edges = np.sort(np.clip(np.concatenate(crossings, 1), -CORRELATED_REACH, CORRELATED_REACH), 1)
        heights = heights[..., None]

        def integrand(x):
            u1, u2 = inner[0] * x + outer[0] * heights, inner[1] * x + outer[1] * heights
            return function(u1, u2) * (np.exp(-(x**2 + heights**2) / 2) / (2 * np.pi))

        return integrate(integrand, edges, scale)[0].reshape(y.shape)

    width = max(abs(outer[0]), abs(outer[1]))
    edges = line_edges(width, reach=CORRELATED_REACH) / width
    singular = np.array([0.0, *kinks])
    apart = singular[:, None] / inner[0] - singular / inner[1]
    edges = np.append(edges, apart / (outer[0] / inner[0] - outer[1] / inner[1]))
    edges = np.unique(np.clip(edges, -CORRELATED_REACH, CORRELATED_REACH))
    if distance <= 1 and first == second:
        # Exchanging u₁ and u₂ turns y around.
        return 2 * float(integrate(strip, edges[edges >= 0], scale)[0])
    return float(integrate(strip, edges, scale)[0])


def check_growth(function: Function, variance: float, scale: float) -> None:
    """Refuse functions whose square has not died out, relative to ``scale``, where correlated integrals end."""
    ends = np.sqrt(variance) * CORRELATED_REACH * np.array([-1.0, 1.0])
    with np.errstate(over="ignore"):
        left = np.max(function(ends) ** 2) * np.exp(-(CORRELATED_REACH**2) / 2) * CORRELATED_REACH
    if not left <= 1e-16 * scale:
        raise Unresolved(f"a function grows too fast for correlated Gaussian variables of variance {variance:g}")


def check_distance(distance: float) -> None:
    if not 0 <= distance <= 2:
        raise ValueError(f"a correlation lies between -1 and 1, not at {1 - distance}")


def gaussian_product_mean(
    function: Function, variance1: float, variance2: float, correlation: float, kinks: Sequence[float] = ()
) -> float:
    """E f(u₁) f(u₂) for jointly Gaussian u₁, u₂ of the given variances and correlation.

    Accurate to about 10⁻¹⁵ of the geometric mean of E f(u₁)² and E f(u₂)².

    Raises
    ------
    Unresolved
        If the integral is not resolved.
    ValueError
        If the correlation is not between -1 and 1.

    Examples
    --------
    >>> round(gaussian_product_mean(np.sin, 1.0, 1.0, 0.5), 12)  # exp(-1) sinh(0.5)
    0.191700249782
    """
    check_distance(1 - correlation)
    if variance1 == 0 or variance2 == 0:
        return float(gaussian_mean(function, variance1, kinks) * gaussian_mean(function, variance2, kinks))
    if abs(correlation) == 1:
        first, second = np.sqrt(variance1), correlation * np.sqrt(variance2)
        both = np.concatenate([np.divide(kinks, first), np.divide(kinks, second)]).tolist()
        return float(gaussian_mean(lambda z: function(first * z) * function(second * z), 1.0, both))
    squares = [float(gaussian_mean(lambda u: function(u) ** 2, variance, kinks)) for variance in (variance1, variance2)]
    for variance, square in zip((variance1, variance2), squares, strict=True):
        check_growth(function, variance, square)
    scale = float(np.sqrt(squares[0] * squares[1]))
    return plane_mean(lambda u1, u2: function(u1) * function(u2), (variance1, variance2), 1 - correlation, kinks, scale)


def gaussian_difference(function: Function, variance: float, distance: float, kinks: Sequence[float] = ()) -> float:
    """E (f(u₁) - f(u₂))² / 2 for Gaussian u₁, u₂ of one variance and correlation 1 - ``distance``.

    Equal to E f² - E f(u₁) f(u₂), but without its cancellation: what is lost at small distances is only what rounding
    does to f(u₁) - f(u₂), and nothing at kinks and jumps; ``distance`` may be as small as 10⁻³⁰.

    Raises
    ------
    Unresolved
        If the integral is not resolved to 10⁻¹⁵ of E f².

    Examples
    --------
    >>> difference = gaussian_difference(lambda u: np.heaviside(u, 0.5), 1.0, 1e-20, kinks=(0.0,))
    >>> f"{difference:.12g}"  # arccos(1 - 1e-20) / (2 π)
    '2.25079079039e-11'
    """
    check_distance(distance)
    if distance == 0 or variance == 0:
        return 0.0
    scale = float(gaussian_mean(lambda u: function(u) ** 2, variance, kinks))
    check_growth(function, variance, scale)
    if distance == 2:
        both = np.concatenate([kinks, np.negative(kinks)]).tolist()
        return float(gaussian_mean(lambda u: (function(u) - function(-u)) ** 2 / 2, variance, both))
    return plane_mean(
        lambda u1, u2: (function(u1) - function(u2)) ** 2 / 2, (variance, variance), distance, kinks, scale
    )


def hermite_coefficients(function: Function, variance: float, count: int, edges: np.ndarray) -> np.ndarray:
    """The first ``count`` coefficients of f(√variance z) in normalised Hermite polynomials of z ~ N(0, 1).

    E f(u₁) f(u₂) = Σ aₙ² cⁿ at correlation c (Mehler). ``edges`` are those on which f is resolved; the panels are cut
    until they hold two waves of the highest polynomial at most.

    Examples
    --------
    >>> hermite_coefficients(lambda u: u**2, 1.0, 4, line_edges(1.0)).round(12).tolist()  # z² = 1 + √2 h₂
    [1.0, 0.0, 1.414213562373, 0.0]
    """
    deviation = np.sqrt(variance)
    steps = int(np.ceil(CORRELATED_REACH * np.sqrt(count) / 6))
    edges = edges / deviation
    edges = np.append(edges[np.abs(edges) < CORRELATED_REACH], np.linspace(-1, 1, steps + 1) * CORRELATED_REACH)
    edges = np.unique(edges)
    half = np.diff(edges)[:, None] / 2
    nodes = (edges[:-1, None] + half * (1 + NODES)).ravel()
    weights = (half * WEIGHTS).ravel() * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    root = np.sqrt(weights)
    target = root * function(deviation * nodes)
    coefficients = np.empty(count)
    before, now = np.zeros_like(nodes), root
    for n in range(count):
        coefficients[n] = now @ target
        before, now = now, (nodes * now - np.sqrt(n) * before) / np.sqrt(n + 1)
    return coefficients
