"""Moments and effective ranks of feature vectors.

A tensor of features comes in blocks of shape (realisations, rows, channels): the rows are the positions of
some images, and every realisation has the same number of rows in each block. Expectations E are over all rows of
a realisation; moments are then averaged over the channels (Labatie 2019).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

LANCZOS_STEPS = 128  # at the edge of a continuous spectrum 128 steps leave 1e-5 of the largest eigenvalue


def number_of_rows(blocks: Sequence[Tensor]) -> int:
    return sum(block.shape[1] for block in blocks)


def column_means(blocks: Sequence[Tensor]) -> Tensor:
    """Mean of each channel over the rows, shape (realisations, 1, channels)."""
    return sum(block.sum(1, keepdim=True) for block in blocks) / number_of_rows(blocks)


def mean_square(blocks: Sequence[Tensor]) -> Tensor:
    """Mean square over rows and channels, float64, shape (realisations,)."""
    squares = sum(torch.linalg.vector_norm(block, dim=(1, 2)).double() ** 2 for block in blocks)
    return squares / (number_of_rows(blocks) * blocks[0].shape[2])


def signal_moments(blocks: Sequence[Tensor], means: Tensor) -> dict[str, Tensor]:
    """The moments nu_1(|v|), nu_2(v), mu_2(v) and mu_4(v), float64, each of shape (realisations,).

    Parameters
    ----------
    blocks
        Features v.
    means
        :func:`column_means` of ``blocks``: mu_p is centred channel by channel.
    """
    count = number_of_rows(blocks) * blocks[0].shape[2]
    squares, fourths = [], []
    for block in blocks:
        centred = block - means
        squares.append(torch.linalg.vector_norm(centred, dim=(1, 2)).double() ** 2)
        fourths.append(torch.linalg.vector_norm(centred.square_(), dim=(1, 2)).double() ** 2)
    return {
        "nu1_abs_signal": sum(block.abs().sum((1, 2)).double() for block in blocks) / count,
        "nu2_signal": mean_square(blocks),
        "mu2_signal": sum(squares) / count,
        "mu4_signal": sum(fourths) / count,
    }


def covariance(blocks: Sequence[Tensor], means: Tensor) -> Tensor:
    """A matrix with the trace and the non-zero eigenvalues of the covariance of the feature vectors.

    It is the channels x channels covariance, or the rows x rows Gram matrix of the centred features where that is
    smaller; not divided by the number of rows. Shape (realisations, n, n).
    """
    centred = [block - means for block in blocks]
    if number_of_rows(blocks) < blocks[0].shape[2]:
        features = torch.cat(centred, 1)
        return features @ features.mT
    return sum(block.mT @ block for block in centred)


def lanczos(matrices: Tensor, steps: int) -> Tensor:
    """Largest eigenvalues of symmetric positive matrices (batch, n, n) by Lanczos iterations, shape (batch,).

    Every vector is orthogonalised against all earlier ones, twice. The tridiagonal matrices are diagonalised on the
    CPU: one transfer a call.
    """
    batch, n, _ = matrices.shape
    steps = min(steps, n)
    generator = torch.Generator(device=matrices.device).manual_seed(0)
    basis = matrices.new_zeros(batch, steps, n)
    projected = matrices.new_zeros(batch, steps, steps)
    vector = torch.randn(n, generator=generator, device=matrices.device, dtype=matrices.dtype).expand(batch, n)
    tiny = torch.finfo(matrices.dtype).tiny
    for step in range(steps):
        basis[:, step] = vector / torch.linalg.vector_norm(vector, dim=1, keepdim=True).clamp_min(tiny)
        vector = torch.bmm(matrices, basis[:, step, :, None])[..., 0]
        known = basis[:, : step + 1]
        for repeat in range(2):
            overlap = torch.bmm(known, vector[..., None])
            if repeat == 0:
                projected[:, : step + 1, step] = overlap[..., 0]
            vector = vector - torch.bmm(known.mT, overlap)[..., 0]
    return torch.linalg.eigvalsh(projected.cpu().double(), UPLO="U")[:, -1].to(matrices.device)


def largest_eigenvalue(matrices: Tensor) -> Tensor:
    """Largest eigenvalue of symmetric positive matrices (..., n, n), float64.

    On the CPU all eigenvalues are cheap (8 ms for n = 512); on a GPU they would take longer than the network.
    """
    if matrices.device.type == "cpu":
        return torch.linalg.eigvalsh(matrices)[..., -1].double()
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    return lanczos(flat, LANCZOS_STEPS).reshape(matrices.shape[:-2])


def effective_rank(matrices: Tensor) -> Tensor:
    """Trace over largest eigenvalue of covariance matrices (..., n, n), float64, at least one."""
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.float64)
    return trace / largest_eigenvalue(matrices)
