"""Exact answers: enumeration of binary unknowns, and linear Gaussian problems by linear algebra."""

import itertools
import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from .priors import BinaryPrior, GaussianPrior
from .problem import LayerModel, Problem

MOST_UNKNOWN = 16


@cache
def all_signs(count: int) -> Tensor:
    """The 2^count rows of ±1."""
    return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=count)), dtype=torch.float64)


def enumerated(problem: Problem) -> tuple[Tensor, Tensor]:
    """Exact means of a binary signal (R, N_0) or of one layer's binary weights (R, K, N), and log Z (R,).

    Hidden layers may be noisy where their units are signs, whose states are summed over; others must be without noise.

    Raises
    ------
    ValueError
        If there are more than 2^16 states of the unknowns, or the problem is none of these.
    """
    if problem.prior is None:
        return enumerated_weights(problem)
    if not isinstance(problem.prior, BinaryPrior):
        raise ValueError("prior: enumeration needs a binary one")
    states = all_signs(checked(problem.inputs.shape[-1]))
    log_weights = states @ problem.prior.field.expand(states.shape[1])
    log_weights = log_weights - torch.logsumexp(log_weights, 0)
    joint = log_weights + log_likelihood(problem, states)
    return torch.softmax(joint, 1) @ states, torch.logsumexp(joint, 1)


def log_likelihood(problem: Problem, states: Tensor) -> Tensor:
    """log P(y | x⁰) of every state (S, N_0): (R, S)."""
    count = len(problem.inputs)
    x = states.expand(count, -1, -1)
    carried: Tensor | None = None  # log P(x^ℓ | x⁰) of the enumerated states of a noisy hidden layer, (R, S, S_ℓ)
    for layer in problem.layers[:-1]:
        z = x @ layer.weights.mT
        if layer.channel.noise == 0:
            x = layer.channel.activation.function(z + layer.channel.bias) - layer.channel.centre
            continue
        if not layer.channel.activation.is_binary:
            raise ValueError("noise: enumeration needs hidden layers of signs where they are noisy")
        hidden = all_signs(checked(z.shape[-1]))
        zero = torch.zeros_like(z)
        up, down = (layer.channel.log_evidence(zero + side, z, zero) for side in (1.0, -1.0))
        log_hidden = ((up + down) / 2).sum(-1, keepdim=True) + ((up - down) / 2) @ hidden.mT
        carried = log_hidden if carried is None else torch.logsumexp(carried.unsqueeze(-1) + log_hidden.unsqueeze(1), 2)
        x = hidden.expand(count, -1, -1)
    top = problem.layers[-1]
    z = x @ top.weights.mT
    at_top = top.channel.log_evidence(problem.outputs, z, torch.zeros_like(z)).sum(-1)
    return at_top if carried is None else torch.logsumexp(carried + at_top.unsqueeze(1), -1)


def enumerated_weights(problem: Problem) -> tuple[Tensor, Tensor]:
    (layer,) = problem.layers
    if not isinstance(layer.prior, BinaryPrior) or layer.weights.shape[1] != 1:
        raise ValueError("weights: enumeration needs one layer with one output and a binary prior")
    states = all_signs(checked(layer.weights.shape[-1]))
    log_weights = states @ layer.prior.field.expand(states.shape[1])
    z = problem.inputs @ states.T * layer.scale  # (R, M, S)
    zero = torch.zeros_like(z)
    y = problem.outputs.expand_as(z)
    evidence = layer.channel.activation.log_evidence(y, z + layer.channel.bias, zero + layer.channel.noise)
    joint = log_weights - torch.logsumexp(log_weights, 0) + evidence.sum(1)
    return (torch.softmax(joint, 1) @ states).unsqueeze(1), torch.logsumexp(joint, 1)


def checked(count: int) -> int:
    if count > MOST_UNKNOWN:
        raise ValueError(f"{count} binary unknowns: enumeration is for at most {MOST_UNKNOWN}")
    return count


def linear_gaussian(problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
    """Exact means and variances (R, N_0) of a Gaussian signal through identity layers, and log Z (R,).

    Raises
    ------
    ValueError
        If the problem is not linear and Gaussian.
    """
    linear = all(layer.channel.activation.function(torch.tensor(-1.0)) == -1.0 for layer in problem.layers)
    linear &= all(not layer.channel.activation.is_binary for layer in problem.layers)
    if not linear or not isinstance(problem.prior, GaussianPrior):
        raise ValueError("linear_gaussian: needs identity layers and a Gaussian signal")
    return posterior_of_linear(problem.layers, problem.prior, problem.outputs[:, 0])


def posterior_of_linear(
    layers: Sequence[LayerModel], prior: GaussianPrior, outputs: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """x⁰ ~ N(μ, C) sends y = T x⁰ + t + noise of covariance Σ; the joint Gaussian gives the rest."""
    size = layers[0].weights.shape[-1]
    eye = torch.eye(size, dtype=outputs.dtype)
    T, t, noise = eye.expand(len(outputs), -1, -1), torch.zeros(len(outputs), size, 1, dtype=outputs.dtype), 0 * eye
    for layer in layers:
        W, own = layer.weights, layer.channel.noise * torch.eye(layer.weights.shape[1], dtype=outputs.dtype)
        T, t, noise = W @ T, W @ t + layer.channel.bias.mT, W @ noise @ W.mT + own
    mean, variance = prior.field / prior.precision, 1 / prior.precision
    S = variance * T @ T.mT + noise
    residual = outputs.unsqueeze(-1) - t - (T.sum(-1, keepdim=True) * mean)
    factor = torch.linalg.cholesky(S)
    solved = torch.cholesky_solve(residual, factor)
    posterior_mean = mean + variance * (T.mT @ solved).squeeze(-1)
    shrink = (T * torch.cholesky_solve(T, factor)).sum(1)
    log_determinant = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    quadratic = (residual * solved).sum((1, 2))
    log_evidence = -0.5 * (quadratic + log_determinant + outputs.shape[1] * math.log(2 * math.pi))
    return posterior_mean, variance - variance**2 * shrink, log_evidence
