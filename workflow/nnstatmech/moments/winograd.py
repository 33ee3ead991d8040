"""Convolutions by 3x3 kernels with fewer products: Winograd's minimal filtering F(2x2, 3x3).

Two neighbouring outputs of a kernel of three weights take six products. With d the four inputs below them and g the
kernel, four are enough:

    m_0 = (d_0 - d_2) g_0                    y_0 = m_0 + m_1 + m_2
    m_1 = (d_1 + d_2) (g_0 + g_1 + g_2)/2    y_1 = m_1 - m_2 - m_3
    m_2 = (d_2 - d_1) (g_0 - g_1 + g_2)/2
    m_3 = (d_1 - d_3) g_2

Along both axes a tile of 2x2 outputs takes 16 products instead of 36 for each pair of channels: 16 products of
matrices (tiles x inputs) (inputs x outputs). Sums and differences are two passes over the images before and after,
which wide layers hardly notice. Rounding errors are below those of the library's convolution, whose sums are longer.

Winograd 1980, Arithmetic complexity of computations; for convolutional networks Lavin and Gray 2016, arXiv:1509.09308.
"""

import torch
from torch import Tensor

from .networks import multiply

KERNEL_SIZE = 3
TILE = 2  # outputs along an axis
TERMS = TILE + KERNEL_SIZE - 1  # products along an axis, and inputs of a tile
# Channels from which a CPU takes less time than by the library's convolution (128: as much; 512: .6 of it).
FEWEST_CHANNELS = 256


def is_faster(kernel_size: int, height: int, width: int, channels: int, device: torch.device) -> bool:
    """Whether these convolutions, of outputs with ``height`` and ``width``, can be done so, and should."""
    fits = kernel_size == KERNEL_SIZE and height % TILE == 0 and width % TILE == 0
    return fits and channels >= FEWEST_CHANNELS and device.type == "cpu"


def transformed_kernels(kernels: Tensor) -> Tensor:
    """Weights of the products: (outputs, 3, 3, inputs) to (4, 4, outputs, inputs)."""

    def along(axis: int, kernels: Tensor) -> Tensor:
        first, middle, last = kernels.unbind(axis)
        mean = (first + last) / 2
        return torch.stack([first, mean + middle / 2, mean - middle / 2, last])

    return along(2, along(1, kernels)).transpose(0, 1).contiguous()


def transform(images: Tensor, axis: int, into: Tensor) -> None:
    """The four sums and differences of inputs for each tile along an axis of even length, one after the other."""
    pairs = images.unflatten(axis, (-1, 2))
    even, odd = pairs.unbind(axis + 1)
    tiles = even.shape[axis] - 1
    (even, next_even), (odd, next_odd) = (
        (rows.narrow(axis, 0, tiles), rows.narrow(axis, 1, tiles)) for rows in (even, odd)
    )
    torch.sub(even, next_even, out=into[0])
    torch.add(odd, next_even, out=into[1])
    torch.sub(next_even, odd, out=into[2])
    torch.sub(odd, next_odd, out=into[3])


class Winograd:
    """Convolutions of many images with one set of kernels after the other, in one workspace.

    Parameters
    ----------
    images
        Padded images that are convolved at a time, shape (images, height + 2, width + 2, channels): memory for their
        transforms, 2.6 times theirs, is taken once.
    """

    def __init__(self, images: Tensor):
        count, height, width, channels = images.shape
        self.tiles = (count, (height - KERNEL_SIZE + 1) // TILE, (width - KERNEL_SIZE + 1) // TILE)
        rows, columns = self.tiles[1:]
        self.by_rows = images.new_empty(TERMS, count, rows, width, channels)
        self.by_both = images.new_empty(TERMS, count, rows, columns, channels)
        self.kernels = images.new_empty(0)

    def load(self, kernels: Tensor) -> None:
        """Take kernels of shape (outputs, 3, 3, inputs)."""
        self.kernels = transformed_kernels(kernels)

    def convolve(self, images: Tensor) -> Tensor:
        """Cross-correlation without padding, of (images, height + 2, width + 2, inputs).

        Returns (images, height, width, outputs).
        """
        transform(images, 1, self.by_rows)
        halves = [self.row_of_products(row) for row in range(TERMS)]
        count, rows, columns = self.tiles
        outputs = images.new_empty(count, rows, TILE, columns, TILE, self.kernels.shape[2])
        for column, products in enumerate(zip(*halves, strict=True)):
            first, second = outputs[:, :, 0, :, column], outputs[:, :, 1, :, column]
            torch.add(products[0], products[1], out=first).add_(products[2])
            torch.sub(products[1], products[2], out=second).sub_(products[3])
        return outputs.flatten(3, 4).flatten(1, 2)

    def row_of_products(self, row: int) -> tuple[Tensor, Tensor]:
        """One row of the products, summed to both columns of the tiles: each (images, rows, columns, outputs)."""
        transform(self.by_rows[row], 2, self.by_both)
        inputs = self.by_both.flatten(1, 3)
        products = [multiply(one[None], kernel[None])[0] for one, kernel in zip(inputs, self.kernels[row], strict=True)]
        products[0].add_(products[1]).add_(products[2])
        products[1].sub_(products[2]).sub_(products[3])
        return products[0].unflatten(0, self.tiles), products[1].unflatten(0, self.tiles)
