"""Convolutions by 3x3 kernels with fewer products: minimal filtering F(m x m, 3x3).

A kernel g of three weights that slides along m + 2 inputs d gives m outputs y by 3 m products. With the matrices A, B
and G of :func:`matrices` m + 2 are enough:

    y = A [(G g) * (B d)]

for a product of two polynomials is known from its values at m + 1 points and its highest coefficient, and this sum is
that product transposed (Toom and Cook; Winograd 1980, Arithmetic complexity of computations). Along both axes a tile of
m x m outputs takes (m + 2)^2 products instead of 9 m^2 for each pair of channels: 36 instead of 144 with m = 4. They
are products of matrices (tiles x inputs) (inputs x outputs), which the library does as 1x1 convolutions of groups. What
is added before and after is compiled. For convolutional networks: Lavin and Gray 2016, arXiv:1509.09308.

The points decide about rounding. With tiles of 4 its errors are two to three times those of the library's convolution
(with 2 in place of 1/2, as in Lavin and Gray, four times); with tiles of 2 they are smaller than those.
"""

import ctypes
import functools
import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.polynomial import polynomial
from torch import Tensor

from ..allocator import keep_freed_memory
from ..compiler import functions

KERNEL_SIZE = 3
POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 1.0, -1.0, 0.5, -2.0)}  # by outputs of a tile along an axis
FEWEST_CHANNELS = 64
FEWEST_CHANNELS_APART = 128  # narrower layers make all products of a tile in one call, wider ones row by row
IMAGES_AT_A_TIME = 32  # products of so many stay in the caches
# What torch calls processors for which oneDNN multiplies groups by vectors.
PROCESSORS = ("AVX2", "AVX512")

SOURCE = r"""
#include <stdint.h>

/* g (outputs, 3, 3, inputs) to terms (TERMS, TERMS, outputs, inputs) */
void transform_kernels(int64_t outputs, int64_t inputs, const float *restrict g, float *restrict terms) {
    int64_t next = outputs * inputs;
    for (int64_t o = 0; o < outputs; o++, g += 9 * inputs, terms += inputs)
        #pragma omp simd
        for (int64_t c = 0; c < inputs; c++) {
            float s[TERMS][3];
            #pragma GCC unroll 6
            for (int k = 0; k < 3; k++) {
                KERNEL_COLUMN
            }
            #pragma GCC unroll 6
            for (int r = 0; r < TERMS; r++) {
                KERNEL_ROW
            }
        }
}

/* x (images, TILE rows + 2, TILE columns + 2, channels) to terms: TERMS rows of each tile, `step` apart */
void transform_inputs(int64_t images, int64_t rows, int64_t columns, int64_t channels, int64_t step,
                      const float *restrict x, float *const *restrict terms) {
    int64_t line = (TILE * columns + 2) * channels, at = 0;
    for (int64_t a = 0; a < images; a++, x += (TILE * rows + 2) * line)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++, at += step) {
                const float *restrict tile = x + TILE * (i * line + j * channels);
                #pragma omp simd
                for (int64_t c = 0; c < channels; c++) {
                    float s[TERMS][TERMS];
                    #pragma GCC unroll 6
                    for (int k = 0; k < TERMS; k++) {
                        INPUT_COLUMN
                    }
                    #pragma GCC unroll 6
                    for (int r = 0; r < TERMS; r++) {
                        INPUT_ROW
                    }
                }
            }
}

/* products, in rows as the terms, to y (images, TILE rows, TILE columns, channels) */
void transform_outputs(int64_t images, int64_t rows, int64_t columns, int64_t channels, int64_t step,
                       const float *const *restrict products, float *restrict y) {
    int64_t line = TILE * columns * channels, at = 0;
    for (int64_t a = 0; a < images; a++)
        for (int64_t i = 0; i < rows; i++, y += TILE * line)
            for (int64_t j = 0; j < columns; j++, at += step) {
                float *restrict tile = y + TILE * j * channels;
                #pragma omp simd
                for (int64_t c = 0; c < channels; c++) {
                    float s[TERMS][TILE];
                    #pragma GCC unroll 6
                    for (int r = 0; r < TERMS; r++) {
                        OUTPUT_ROW
                    }
                    #pragma GCC unroll 6
                    for (int k = 0; k < TILE; k++) {
                        OUTPUT_COLUMN
                    }
                }
            }
}
"""


def matrices(tile: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A (tile, terms), B (terms, terms) and G (terms, 3) of F(tile, 3), terms = tile + 2.

    Columns of A and rows of G hold the powers of the points, rows of B the coefficients of the polynomial that
    vanishes at all other points, by whose value at its own the row of G is divided. The last of each belongs to
    infinity. Powers of two are moved between B and G such that kernels keep their size.
    """
    points = np.array(POINTS[tile])
    a, g = (
        np.vstack([np.vander(points, size, increasing=True), np.eye(1, size, size - 1)]) for size in (tile, KERNEL_SIZE)
    )
    b = np.zeros((tile + 2, tile + 2))
    for k, point in enumerate(points):
        others = np.delete(points, k)
        b[k, :-1] = polynomial.polyfromroots(others)
        g[k] /= np.prod(point - others)
    b[-1] = polynomial.polyfromroots(points)
    scale = 2.0 ** np.round(np.log2(np.abs(g).max(1, keepdims=True)))
    return a.T, b * scale, g / scale


def statements(matrix: np.ndarray, reads: str, writes: str) -> str:
    """C for a product ``matrix`` times vector; ``reads`` and ``writes`` name its elements, with {} for their number."""

    def weighted(row: Iterable[float]) -> str:
        terms = [
            f"{'-' if weight < 0 else '+'} {'' if abs(weight) == 1 else f'{abs(weight)!r}f * '}{reads.format(k)}"
            for k, weight in enumerate(row)
            if weight
        ]
        return " ".join(terms).removeprefix("+ ")

    return " ".join(f"{writes.format(k)} = {weighted(row)};" for k, row in enumerate(matrix.tolist()))


def source(tile: int) -> str:
    """The compiled functions for tiles of ``tile`` x ``tile`` outputs."""
    a, b, g = matrices(tile)
    steps = {
        "KERNEL_COLUMN": statements(g, "g[c + ({} * 3 + k) * inputs]", "s[{}][k]"),
        "KERNEL_ROW": statements(g, "s[r][{}]", "terms[c + (TERMS * r + {}) * next]"),
        "INPUT_COLUMN": statements(b, "tile[c + {} * line + k * channels]", "s[{}][k]"),
        "INPUT_ROW": statements(b, "s[r][{}]", "terms[r][c + at + {} * channels]"),
        "OUTPUT_ROW": statements(a, "products[r][c + at + {} * channels]", "s[r][{}]"),
        "OUTPUT_COLUMN": statements(a, "s[{}][k]", "tile[c + {} * line + k * channels]"),
    }
    text = SOURCE
    for name, written in (steps | {"TILE": str(tile), "TERMS": str(tile + 2)}).items():
        text = text.replace(name, written)
    return text


@functools.cache
def library(tile: int) -> ctypes.CDLL | None:
    """The compiled sums; None, with the reason logged, where they cannot be built or products of groups are slow."""
    if torch.backends.cpu.get_cpu_capability() not in PROCESSORS or not torch.backends.mkldnn.is_available():
        return None
    pointers = [ctypes.c_void_p] * 2
    arguments = {
        "transform_kernels": [ctypes.c_int64] * 2 + pointers,
        "transform_inputs": [ctypes.c_int64] * 5 + pointers,
        "transform_outputs": [ctypes.c_int64] * 5 + pointers,
    }
    return functions(source(tile), arguments, "convolutions are the library's")


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of ``number`` up to ``most``."""
    return next(size for size in range(min(number, most), 0, -1) if number % size == 0)


def tile_of(height: int, width: int) -> int | None:
    """Outputs along an axis of the largest tiles that ``height`` and ``width`` are made of."""
    return next((tile for tile in sorted(POINTS, reverse=True) if height % tile == 0 and width % tile == 0), None)


def serves(kernel_size: int, height: int, width: int, channels: int, device: torch.device) -> bool:
    """Whether convolutions in single precision to ``height`` and ``width`` can be made so, and should."""
    tile = tile_of(height, width)
    if kernel_size != KERNEL_SIZE or device.type != "cpu" or channels < FEWEST_CHANNELS or tile is None:
        return False
    return library(tile) is not None


class Winograd:
    """Convolutions with one set of kernels after the other, in one workspace.

    Parameters
    ----------
    images
        How many are convolved with a set; a part of them at a time.
    height, width
        Of the outputs, as :func:`serves` allows.
    inputs, outputs
        Channels.

    Raises
    ------
    ValueError
        If :func:`serves` does not allow it.
    """

    def __init__(self, images: int, height: int, width: int, inputs: int, outputs: int):
        keep_freed_memory()
        tile = tile_of(height, width)
        compiled = library(tile) if tile else None
        if tile is None or compiled is None:
            raise ValueError(f"outputs of {height} x {width}: no tiles fit, or nothing is compiled; see serves()")
        self.library, self.tile = compiled, tile
        together = largest_divisor(images, IMAGES_AT_A_TIME)
        self.tiles = together, height // tile, width // tile
        calls = 1 if inputs < FEWEST_CHANNELS_APART else tile + 2
        self.groups = (tile + 2) ** 2 // calls
        self.kernels = torch.empty(calls, self.groups * outputs, inputs)
        self.terms = torch.empty(calls, math.prod(self.tiles), self.groups * inputs)

    def load(self, kernels: Tensor) -> None:
        """Take kernels of shape (outputs, 3, 3, inputs), dense."""
        outputs, _, _, inputs = kernels.shape
        self.library.transform_kernels(outputs, inputs, kernels.data_ptr(), self.kernels.data_ptr())

    def convolve(self, images: Tensor) -> Tensor:
        """Cross-correlation without padding: dense (images, height + 2, width + 2, inputs) of single precision.

        Returns (images, height, width, outputs).
        """
        together, rows, columns = self.tiles
        inputs, outputs = (size // self.groups for size in (self.terms.shape[-1], self.kernels.shape[1]))
        result = images.new_empty(len(images), rows * self.tile, columns * self.tile, outputs)
        terms = self.rows_of(self.terms)
        for part, into in zip(images.split(together), result.split(together), strict=True):
            self.library.transform_inputs(*self.tiles, inputs, self.groups * inputs, part.data_ptr(), terms.data_ptr())
            made = [self.multiply(*pair) for pair in zip(self.terms, self.kernels, strict=True)]
            products = self.rows_of(made)
            self.library.transform_outputs(
                *self.tiles, outputs, self.groups * outputs, products.data_ptr(), into.data_ptr()
            )
        return result

    def rows_of(self, calls: Iterable[Tensor]) -> Tensor:
        """Addresses of the rows of the first tile, from what each call takes or makes: (tiles, groups * channels)."""
        rows = self.groups // (self.tile + 2)
        return torch.tensor([row.data_ptr() for call in calls for row in call[0].chunk(rows)])

    def multiply(self, terms: Tensor, kernels: Tensor) -> Tensor:
        """What a call makes: (tiles, groups * inputs) and (groups * outputs, inputs) to (tiles, groups * outputs)."""
        products = torch.mkldnn_convolution(
            terms[None, :, None].permute(0, 3, 1, 2),
            kernels[:, :, None, None],
            None,
            [0, 0],
            [1, 1],
            [1, 1],
            self.groups,
        )
        return products.permute(0, 2, 3, 1)[0, :, 0]
