"""Moments and effective ranks of feature vectors.

A tensor of features comes in blocks of shape (realisations, rows, channels): the rows are the positions of
some images, and every realisation has the same number of rows in each block. Expectations E are over all rows of
a realisation; moments are then averaged over the channels (Labatie 2019).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Several passes over so many bytes find them in a second-level cache; over a whole tensor, in none.
PIECE_BYTES = {"cpu": 512 * 2**10, "cuda": 2**40}
SMALLEST_FOR_LANCZOS = 192  # channels; all eigenvalues of smaller matrices take less time
LARGEST_RESIDUAL, STEPS_BETWEEN_CHECKS = 1e-5, 12  # relative to the eigenvalue, whose own error is its square or less
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
        :func:`column_means` of ``blocks``: mu_p is centred channel by channel, and nu_2 = mu_2 + their mean square.
    """
    count = number_of_rows(blocks) * blocks[0].shape[2]
    absolute, centred, squared = zip(
        *(
            (piece.abs().sum((1, 2)), norm(deviation := piece - means), norm(deviation.mul_(deviation)))
            for piece in pieces(blocks)
        ),
        strict=True,
    )
    mu2 = total_square(centred) / count
    return {
        "nu1_abs_signal": total(absolute) / count,
        "nu2_signal": mu2 + means.double().square().mean((1, 2)),
        "mu2_signal": mu2,
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
        gram = products(features)
        return gram - gram.mean(1, keepdim=True) - gram.mean(2, keepdim=True) + gram.mean((1, 2), keepdim=True)
    return sum(products(block.mT) for block in blocks) - rows * means.mT @ means


def products(vectors: Tensor) -> Tensor:
    """Inner products of all pairs of vectors: (realisations, n, dimensions) to (realisations, n, n).

    On the CPU by NumPy, which multiplies a matrix by its own transpose at half the price.
    """
    if vectors.device.type != "cpu":
        return vectors @ vectors.mT
    found = torch.empty(len(vectors), vectors.shape[1], vectors.shape[1], dtype=vectors.dtype)
    for into, matrix in zip(found.numpy(), vectors.numpy(), strict=True):
        np.matmul(matrix, matrix.T, out=into)
    return found


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
    """Largest eigenvalues of symmetric positive matrices (batch, n, n) by Lanczos iterations, float64, (batch,)."""
    return largest_of_tridiagonal(lanczos_coefficients(matrices, steps))


def trace(matrices: Tensor) -> Tensor:
    """Sum over the diagonals of matrices (..., n, n), float64."""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.float64)


def largest_on_the_cpu(matrices: Tensor) -> Tensor:
    """Largest eigenvalues of symmetric positive matrices (..., n, n), float64.

    Of large ones, by Lanczos iterations until the residual is small; where it stays large, from all eigenvalues.
    """
    if matrices.shape[-1] < SMALLEST_FOR_LANCZOS:
        return torch.linalg.eigvalsh(matrices)[..., -1].double()
    found = [
        converged_largest(matrix.numpy()) or float(torch.linalg.eigvalsh(matrix)[-1])
        for matrix in matrices.reshape(-1, *matrices.shape[-2:])
    ]
    return torch.tensor(found, dtype=torch.float64).view(matrices.shape[:-2])


def converged_largest(matrix: np.ndarray) -> float | None:
    """Largest eigenvalue by Lanczos iterations; None where the residual of its vector stays above LARGEST_RESIDUAL."""
    basis = np.empty((LANCZOS_STEPS, len(matrix)), matrix.dtype)
    tridiagonal = np.zeros((LANCZOS_STEPS, LANCZOS_STEPS))
    vector = np.sin(np.sqrt(2) * np.arange(1, len(matrix) + 1)).astype(matrix.dtype)
    length = np.linalg.norm(vector)
    for step in range(LANCZOS_STEPS):
        basis[step] = vector / length
        vector = matrix @ basis[step]
        known = basis[: step + 1]
        overlaps = known @ vector
        vector = vector - overlaps @ known
        vector -= (known @ vector) @ known
        length = np.linalg.norm(vector)
        tridiagonal[step, step] = overlaps[-1]
        done = step + 1
        if done % STEPS_BETWEEN_CHECKS == 0 or length == 0:
            values, vectors = np.linalg.eigh(tridiagonal[:done, :done])
            if length == 0 or length * abs(vectors[-1, -1]) <= LARGEST_RESIDUAL * values[-1]:
                return float(values[-1])
        if done < LANCZOS_STEPS:
            tridiagonal[step, done] = tridiagonal[done, step] = length
    return None


def reduce_spectra(matrices: Tensor) -> Spectra:
    """What the effective ranks of covariance matrices (..., n, n) follow from, without the host's reading anything.

    On the CPU all eigenvalues of small matrices are cheap; on a GPU they would take longer than the network.
    """
    if matrices.device.type == "cpu":
        return Spectra(trace(matrices), largest_on_the_cpu(matrices), None)
    one_by_one = matrices.reshape(-1, *matrices.shape[-2:])
    return Spectra(trace(matrices), None, lanczos_coefficients(one_by_one, LANCZOS_STEPS))


def effective_ranks(spectra: Spectra) -> Tensor:
    """Trace over largest eigenvalue, at least one, shape (...)."""
    if spectra.largest is not None:
        return spectra.trace / spectra.largest
    if spectra.coefficients is None:
        raise ValueError("spectra hold neither eigenvalues nor coefficients")
    return spectra.trace / largest_of_tridiagonal(spectra.coefficients).view(spectra.trace.shape)


def effective_rank(matrices: Tensor) -> Tensor:
    """Trace over largest eigenvalue of covariance matrices (..., n, n), float64, at least one."""
    return effective_ranks(reduce_spectra(matrices))
