"""Random-feature data: labels of a latent teacher, seen through random sign features.

A teacher θ ∈ {±1}^D labels latent patterns ξ ∈ {±1}^D by y = sign(θ·ξ); the network sees x = sign(F^T ξ) of N random
features F ∈ {±1}^{D×N} (the hidden-manifold model of Goldt, Mézard, Krzakala and Zdeborová 2020 with binary teacher
and features, as in Lucibello et al. 2022). More features are more parameters of the network without more data.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..seeding import torch_stream


@dataclass(frozen=True)
class RandomFeatures:
    """Patterns of ±1 and their labels.

    Attributes
    ----------
    train_inputs, test_inputs
        float32, shape (realisations, patterns, features).
    train_labels, test_labels
        float32 of ±1, shape (realisations, patterns).
    """

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


def random_signs(seed: int, purpose: str, *shape: int) -> Tensor:
    """Independent ±1 of the stream ``purpose`` of realisation ``seed``, float32."""
    return torch.randint(2, shape, generator=torch_stream(seed, purpose), dtype=torch.float32) * 2 - 1


def random_features(
    seeds, latent_dimension: int, features: int, train_size: int, test_size: int, device: torch.device
) -> RandomFeatures:
    """One data set per seed.

    Teacher, latent patterns and the first features of a seed do not depend on ``features``: networks of different
    size see the same data, the larger ones through more features.

    Parameters
    ----------
    seeds
        Realisations.
    latent_dimension
        D; odd, so that no label and no feature is a tie.
    features
        N.
    train_size, test_size
        Numbers of patterns.
    device
        Where the result lives; the numbers are drawn on the CPU and do not depend on it.
    """
    inputs, labels = [], []
    for seed in seeds:
        teacher = random_signs(seed, "random features: teacher", latent_dimension)
        latent = random_signs(seed, "random features: patterns", train_size + test_size, latent_dimension)
        weights = random_signs(seed, "random features: features", features, latent_dimension)
        inputs.append(torch.sign(latent @ weights.T))
        labels.append(torch.sign(latent @ teacher))
    inputs, labels = torch.stack(inputs).to(device), torch.stack(labels).to(device)
    return RandomFeatures(
        inputs[:, :train_size], labels[:, :train_size], inputs[:, train_size:], labels[:, train_size:]
    )
