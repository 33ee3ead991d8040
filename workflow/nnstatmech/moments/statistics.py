"""Moments and effective ranks of feature vectors.

A tensor of features comes in blocks of shape (realisations, rows, channels): the rows are the positions of
some images, and every realisation has the same number of rows in each block. Expectations E are over all rows of
a realisation; moments are then averaged over the channels (Labatie 2019).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

# Several passes over so many bytes find them in a second-level cache; over a whole tensor, in none.
PIECE_BYTES = {"cpu": 512 * 2**10, "cuda": 2**40}
LANCZOS_STEPS = 128  # at the edge of a continuous spectrum 128 steps leave 1e-5 of the largest eigenvalue


def number_of_rows(blocks: Sequence[Tensor]) -> int:
    return sum(block.shape[1] for block in blocks)


def pieces(blocks: Sequence[Tensor]) -> Iterator[Tensor]:
    """Views of the blocks, cut along the rows into pieces that stay in the cache while they are worked on."""
    for block in blocks:
        rows = PIECE_BYTES[block.device.type] // (block.shape[0] * block.shape[2] * block.element_size())
        yield from block.split(max(1, rows), 1)


def column_means(blocks: Sequence[Tensor]) -> Tensor:
    """Mean of each channel over the rows, shape (realisations, 1, channels)."""
    return reduce(torch.add, (block.sum(1, keepdim=True) for block in blocks)) / number_of_rows(blocks)


def norm(features: Tensor) -> Tensor:
    """Euclidean norm of each realisation, shape (realisations,)."""
    return torch.linalg.vector_norm(features, dim=(1, 2))


def total(parts: Iterable[Tensor]) -> Tensor:
    """Sum over the leading axis of stacked tensors, float64."""
    return torch.stack(tuple(parts)).double().sum(0)


def total_square(norms: Iterable[Tensor]) -> Tensor:
    """Sum of the squares of norms, float64, shape (realisations,)."""
    return torch.stack(tuple(norms)).double().square().sum(0)


def mean_square(blocks: Sequence[Tensor]) -> Tensor:
    """Mean square over rows and channels, float64, shape (realisations,)."""
    return total_square(map(norm, blocks)) / (number_of_rows(blocks) * blocks[0].shape[2])


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
    absolute, raw, centred, squared = zip(
        *(
            (piece.abs().sum((1, 2)), norm(piece), norm(deviation := piece - means), norm(deviation.mul_(deviation)))
            for piece in pieces(blocks)
        ),
        strict=True,
    )
    return {
        "nu1_abs_signal": total(absolute) / count,
        "nu2_signal": total_square(raw) / count,
        "mu2_signal": total_square(centred) / count,
        "mu4_signal": total_square(squared) / count,
    }


def covariance(blocks: Sequence[Tensor], means: Tensor) -> Tensor:
    """A matrix with the trace and the non-zero eigenvalues of the covariance of the feature vectors.

    It is the channels x channels covariance, or the rows x rows Gram matrix of the centred features where that is
    smaller; not divided by the number of rows. Shape (realisations, n, n).
    """
    rows = number_of_rows(blocks)
    if rows < blocks[0].shape[2]:
        features = torch.cat(list(blocks), 1) if len(blocks) > 1 else blocks[0]
        gram = features @ features.mT
        return gram - gram.mean(1, keepdim=True) - gram.mean(2, keepdim=True) + gram.mean((1, 2), keepdim=True)
    return sum(block.mT @ block for block in blocks) - rows * means.mT @ means


class Spectra(NamedTuple):
    """What effective ranks follow from: traces, and the largest eigenvalues or what gives them.

    Attributes
    ----------
    trace
        Shape (...), float64.
    largest
        Largest eigenvalues, shape (...), float64; None if ``coefficients`` are given.
    coefficients
        Diagonals and superdiagonals of tridiagonal matrices with nearly the same largest eigenvalues, one after the
        other: shape (matrices, 2, steps), float64.
    """

    trace: Tensor
    largest: Tensor | None
    coefficients: Tensor | None


def lanczos_coefficients(matrices: Tensor, steps: int) -> Tensor:
    """Symmetric positive matrices (batch, n, n) in their Krylov bases: tridiagonal matrices, (batch, 2, steps).

    Every vector is orthogonalised against all earlier ones, twice. The host reads nothing.
    """
    batch, n, _ = matrices.shape
    steps = min(steps, n)
    basis = matrices.new_zeros(batch, steps, n)
    projected = matrices.new_zeros(batch, steps, steps)
    # No component of it is near zero or like another; made on the device.
    vector = torch.arange(1, n + 1, device=matrices.device, dtype=torch.float64).mul(math.sqrt(2)).sin()
    vector = vector.to(matrices.dtype).expand(batch, n)
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
    diagonal = projected.diagonal(dim1=1, dim2=2)
    beside = torch.nn.functional.pad(projected.diagonal(1, dim1=1, dim2=2), (0, 1))
    return torch.stack([diagonal, beside], 1).double()


def largest_of_tridiagonal(coefficients: Tensor) -> Tensor:
    """Largest eigenvalues of :func:`lanczos_coefficients`, found on the host: one transfer each way, shape (batch,)."""
    from scipy.linalg import eigvalsh_tridiagonal  # needed on a GPU only

    last = coefficients.shape[-1] - 1
    largest = [
        eigvalsh_tridiagonal(diagonal, beside[:-1], select="i", select_range=(last, last))[0]
        for diagonal, beside in coefficients.cpu().numpy()
    ]
    return torch.tensor(largest, dtype=torch.float64).to(coefficients.device)


def lanczos(matrices: Tensor, steps: int) -> Tensor:
    """Largest eigenvalues of symmetric positive matrices (batch, n, n) by Lanczos iterations, float64, shape (batch,)."""
    return largest_of_tridiagonal(lanczos_coefficients(matrices, steps))


def trace(matrices: Tensor) -> Tensor:
    """Sum over the diagonals of matrices (..., n, n), float64."""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.float64)


def reduce_spectra(matrices: Tensor) -> Spectra:
    """What the effective ranks of covariance matrices (..., n, n) follow from, without the host's reading anything.

    On the CPU all eigenvalues are cheap (7 ms for n = 512); on a GPU they would take longer than the network.
    """
    if matrices.device.type == "cpu":
        return Spectra(trace(matrices), torch.linalg.eigvalsh(matrices)[..., -1].double(), None)
    one_by_one = matrices.reshape(-1, *matrices.shape[-2:])
    return Spectra(trace(matrices), None, lanczos_coefficients(one_by_one, LANCZOS_STEPS))


def effective_ranks(spectra: Spectra) -> Tensor:
    """Trace over largest eigenvalue, at least one, shape (...)."""
    largest = spectra.largest
    if spectra.coefficients is not None:
        largest = largest_of_tridiagonal(spectra.coefficients).view(spectra.trace.shape)
    return spectra.trace / largest


def effective_rank(matrices: Tensor) -> Tensor:
    """Trace over largest eigenvalue of covariance matrices (..., n, n), float64, at least one."""
    return effective_ranks(reduce_spectra(matrices))
