"""Convolutions by 3x3 kernels with fewer products: Winograd's minimal filtering F(2x2, 3x3).

Two neighbouring outputs of a kernel of three weights take six products. With d the four inputs below them and g the
kernel, four are enough:

    m_0 = (d_0 - d_2) g_0                    y_0 = m_0 + m_1 + m_2
    m_1 = (d_1 + d_2) (g_0 + g_1 + g_2)/2    y_1 = m_1 - m_2 - m_3
    m_2 = (d_2 - d_1) (g_0 - g_1 + g_2)/2
    m_3 = (d_1 - d_3) g_2

Along both axes a tile of 2x2 outputs takes 16 products instead of 36 for each pair of channels: 16 products of
matrices (tiles x inputs) (inputs x outputs), which the library does as one convolution of 16 groups by 1x1 kernels.
What is added before and after is compiled. Rounding errors are below those of the library's own convolution by 3x3
kernels, whose sums are longer.

Winograd 1980, Arithmetic complexity of computations; for convolutional networks Lavin and Gray 2016, arXiv:1509.09308.
"""

import ctypes
import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from ..allocator import keep_freed_memory
from ..compiler import functions

KERNEL_SIZE = 3
TILE = 2  # outputs along an axis
TERMS = TILE + KERNEL_SIZE - 1  # products along an axis, and inputs of a tile
FEWEST_CHANNELS = 128  # 128 take .7 of the time of the library's convolution by 3x3 kernels, 512 .6, 64 as much
IMAGES_AT_A_TIME = 16  # products of so many stay in the caches
PARTS = 16  # oneDNN multiplies groups of fewer images at half the speed: tiles are handed over as so many
# What torch calls processors for which oneDNN multiplies groups by vectors.
PROCESSORS = ("AVX2", "AVX512")

SOURCE = r"""
#include <stdint.h>

/* x (images, 2 rows + 2, 2 columns + 2, channels) to terms (images, rows, columns, 4, 4, channels) */
void transform_inputs(int64_t images, int64_t rows, int64_t columns, int64_t channels, const float *restrict x,
                      float *restrict terms) {
    int64_t line = (2 * columns + 2) * channels;
    for (int64_t a = 0; a < images; a++, x += (2 * rows + 2) * line)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++, terms += 16 * channels) {
                const float *restrict tile = x + 2 * i * line + 2 * j * channels;
                #pragma omp simd
                for (int64_t c = 0; c < channels; c++) {
                    float d[4][4];
                    for (int k = 0; k < 4; k++) {
                        float first = tile[c + k * channels], second = tile[c + line + k * channels];
                        float third = tile[c + 2 * line + k * channels], last = tile[c + 3 * line + k * channels];
                        d[0][k] = first - third;
                        d[1][k] = second + third;
                        d[2][k] = third - second;
                        d[3][k] = second - last;
                    }
                    for (int r = 0; r < 4; r++) {
                        float *restrict row = terms + c + 4 * r * channels;
                        row[0] = d[r][0] - d[r][2];
                        row[channels] = d[r][1] + d[r][2];
                        row[2 * channels] = d[r][2] - d[r][1];
                        row[3 * channels] = d[r][1] - d[r][3];
                    }
                }
            }
}

/* products (images, rows, columns, 4, 4, channels) to y (images, 2 rows, 2 columns, channels) */
void transform_outputs(int64_t images, int64_t rows, int64_t columns, int64_t channels, const float *restrict products,
                       float *restrict y) {
    int64_t line = 2 * columns * channels;
    for (int64_t a = 0; a < images; a++)
        for (int64_t i = 0; i < rows; i++, y += 2 * line)
            for (int64_t j = 0; j < columns; j++, products += 16 * channels) {
                float *restrict tile = y + 2 * j * channels;
                #pragma omp simd
                for (int64_t c = 0; c < channels; c++) {
                    float s[4][2];
                    for (int r = 0; r < 4; r++) {
                        const float *restrict row = products + c + 4 * r * channels;
                        s[r][0] = row[0] + row[channels] + row[2 * channels];
                        s[r][1] = row[channels] - row[2 * channels] - row[3 * channels];
                    }
                    for (int k = 0; k < 2; k++) {
                        tile[c + k * channels] = s[0][k] + s[1][k] + s[2][k];
                        tile[c + line + k * channels] = s[1][k] - s[2][k] - s[3][k];
                    }
                }
            }
}
"""


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled sums; None, with the reason logged, where they cannot be built or products of groups are slow."""
    if torch.backends.cpu.get_cpu_capability() not in PROCESSORS:
        return None
    types = [ctypes.c_int64] * 4 + [ctypes.c_void_p] * 2
    arguments = {"transform_inputs": types, "transform_outputs": types}
    return functions(SOURCE, arguments, "convolutions are the library's")


def serves(kernel_size: int, images: int, height: int, width: int, channels: int, device: torch.device) -> bool:
    """Whether convolutions in single precision to ``height`` and ``width`` can be made so, and should."""
    fits = kernel_size == KERNEL_SIZE and height % TILE == 0 and width % TILE == 0 and device.type == "cpu"
    wide = channels >= FEWEST_CHANNELS and images_at_a_time(images, height, width) > 0
    return fits and wide and library() is not None


def images_at_a_time(images: int, height: int, width: int) -> int:
    """The largest part of so many images whose tiles make equal parts; 0 if there is none."""
    tiles = height // TILE * (width // TILE)
    parts = (n for n in range(min(images, IMAGES_AT_A_TIME), 0, -1) if images % n == 0 and n * tiles % PARTS == 0)
    return next(parts, 0)


def transformed_kernels(kernels: Tensor) -> Tensor:
    """Weights of the products: (outputs, 3, 3, inputs) to (4, 4, outputs, inputs)."""

    def along(axis: int, kernels: Tensor) -> Tensor:
        first, middle, last = kernels.unbind(axis)
        mean = (first + last) / 2
        return torch.stack([first, mean + middle / 2, mean - middle / 2, last])

    return along(2, along(1, kernels)).transpose(0, 1)


class Winograd:
    """Convolutions with one set of kernels after the other, in one workspace.

    Parameters
    ----------
    images
        How many are convolved with a set, as :func:`serves` allows; a part of them at a time.
    height, width
        Of the outputs, both even.
    channels
        Of the inputs.
    """

    def __init__(self, images: int, height: int, width: int, channels: int):
        keep_freed_memory()
        self.tiles = images_at_a_time(images, height, width), height // TILE, width // TILE
        self.terms = torch.empty(*self.tiles, TERMS * TERMS * channels)
        self.kernels = torch.empty(0)

    def load(self, kernels: Tensor) -> None:
        """Take kernels of shape (outputs, 3, 3, inputs)."""
        groups = transformed_kernels(kernels).flatten(0, 2)[:, :, None, None]
        self.kernels = groups.contiguous(memory_format=torch.channels_last)

    def convolve(self, images: Tensor) -> Tensor:
        """Cross-correlation without padding: dense (images, height + 2, width + 2, inputs) of single precision.

        Returns (images, height, width, outputs).
        """
        count, rows, columns = self.tiles
        outputs = self.kernels.shape[0] // TERMS**2
        result = images.new_empty(len(images), rows * TILE, columns * TILE, outputs)
        for part, into in zip(images.split(count), result.split(count), strict=True):
            self.transform("transform_inputs", images.shape[-1], part, self.terms)
            terms = self.terms.view(PARTS, -1, 1, self.terms.shape[-1])
            products = F.conv2d(terms.permute(0, 3, 1, 2), self.kernels, groups=TERMS**2)
            dense = products.permute(0, 2, 3, 1).contiguous()
            self.transform("transform_outputs", outputs, dense, into)
        return result

    def transform(self, name: str, channels: int, source: Tensor, destination: Tensor) -> None:
        getattr(library(), name)(*self.tiles, channels, source.data_ptr(), destination.data_ptr())
