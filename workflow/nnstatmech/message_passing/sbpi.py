"""Stochastic belief-propagation-inspired learning of a committee of binary perceptrons with the least-action rule.

Every binary weight w = sign(h) carries an integer hidden state h (odd, so never 0). One pattern (x, y) at a time:

* if the committee is wrong, the wrong hidden unit that is nearest to its threshold (least action, Mitchison and
  Durbin 1989) is corrected: h_i ← h_i + 2 y x_i;
* if it is right by a single vote, the right hidden unit nearest to its threshold is pivotal; if its margin is at most
  θ_m, then with probability p_s those of its weights that already agree with the pattern are strengthened by the same
  step (the secondary rule of SBPI, Baldassi, Braunstein, Brunel and Zecchina 2007, carried to the pivotal unit).

The output is the majority of the hidden units' signs. Realisations are learned side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .checks import check_batch
from .preprocessing import random_orders

STEP = 2.0  # twice an odd input keeps a hidden state odd


@dataclass(frozen=True)
class TrainedCommittee:
    """Weights of ±1, shape (realisations, units, inputs), and the number of epochs that each realisation took."""

    weights: Tensor
    epochs: Tensor


def committee_output(weights: Tensor, inputs: Tensor) -> Tensor:
    """Majority vote, ±1, shape (realisations, patterns), of inputs (realisations, patterns, inputs).

    Units and inputs must be odd in number: then no sum is 0.
    """
    return torch.sign(torch.sign(inputs @ weights.transpose(1, 2)).sum(2))


def learn(
    inputs: Tensor,
    labels: Tensor,
    units: int,
    epochs: int,
    generators: Sequence[torch.Generator],
    margin: float = 1.0,
    probability: float = 0.3,
) -> TrainedCommittee:
    """Learn until every pattern is right or for ``epochs`` epochs.

    Parameters
    ----------
    inputs
        ±1, shape (realisations, patterns, inputs).
    labels
        ±1, shape (realisations, patterns).
    units
        K, odd.
    epochs
        Largest number of passes over the patterns, each in a new random order.
    generators
        One CPU generator per realisation: initial states, orders, and the coin of the secondary rule.
    margin
        θ_m, largest |preactivation| at which a right pivotal unit is strengthened.
    probability
        p_s, with which it is.

    Raises
    ------
    ValueError
        If a label is not ±1, or an input is not finite.
    """
    check_batch(inputs, labels, classes=1)
    replicas, patterns, size = inputs.shape
    device = inputs.device
    rows = torch.arange(replicas, device=device)
    initial = [torch.randint(2, (units, size), generator=g, dtype=torch.float32) * 2 - 1 for g in generators]
    hidden = torch.stack(initial).to(device)
    weights = torch.sign(hidden)
    active = torch.ones(replicas, device=device)
    taken = torch.zeros(replicas, dtype=torch.int64, device=device)
    for _ in range(epochs):
        wrong = (committee_output(weights, inputs) != labels).any(1)
        taken += (wrong & (active > 0)).long()
        active = active * wrong
        if not active.any():
            break
        order = random_orders(patterns, generators).to(device)
        coins = torch.stack([torch.rand(patterns, generator=g) for g in generators]).to(device) < probability
        for step in range(patterns):
            x = inputs[rows, order[:, step]]
            y = labels[rows, order[:, step]]
            stability = torch.einsum("rki,ri->rk", weights, x) * y[:, None]
            votes = torch.sign(stability).sum(1)
            right = votes > 0
            # Among the units on the deciding side (wrong ones of a wrong committee, right ones of a right one), the
            # one nearest to its threshold.
            deciding = (stability > 0) == right[:, None]
            distance, unit = torch.where(deciding, stability.abs(), torch.inf).min(1)
            strengthen = (votes == 1) & (distance <= margin) & coins[:, step]
            chosen = hidden[rows, unit]
            push = x * y[:, None]
            agreeing = (chosen * push > 0) & strengthen[:, None]
            change = STEP * push * (~right[:, None] | agreeing) * active[:, None]
            hidden[rows, unit] = chosen + change
            weights[rows, unit] = torch.sign(chosen + change)
    return TrainedCommittee(weights, taken)
