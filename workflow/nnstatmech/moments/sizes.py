"""How many realisations are propagated together, and the memory that they take."""

import math
from collections.abc import Sequence

import torch

from ..devices import free_bytes
from ..errors import NamedProblem
from .params import Propagation
from .propagation import RANK_BYTES

# On the CPU fully connected realisations share the caches, and convolutional ones come one by one.
CACHE_BYTES = 8 * 2**20
# A GPU is full with so many bytes of activations: its kernels then last far longer than their launches.
FULL_BYTES = 256 * 2**20
# A convolution of so many outputs fills a GPU by itself, and the library's own is faster than products of matrices.
FULL_OUTPUTS = 2**23
# What a batch may take of the memory that is free; the rest is for work spaces of the libraries.
SHARE_OF_FREE = 0.7
COPIES_OF_COVARIANCES = 5  # those that wait, in one tensor, without what is not finite, and two for Lanczos iterations
FLOAT = 4  # bytes


def image_side(length: int, kernel_size: int) -> int:
    """Height or width of feature maps: the first convolution halves it."""
    return 1 if kernel_size == 1 else math.ceil(length / 2)


def activations_of(params: Propagation, image_shape: Sequence[int]) -> int:
    """Numbers in the activations of one layer of one realisation, signal and noise together."""
    height, width = (image_side(length, params.kernel_size) for length in image_shape[:2])
    return 2 * params.batch_size * height * width * params.width


def goes_alone(params: Propagation, image_shape: Sequence[int], device: torch.device) -> bool:
    """Whether convolutional realisations are propagated one by one."""
    return params.kernel_size > 1 and (device.type == "cpu" or activations_of(params, image_shape) >= FULL_OUTPUTS)


def device_bytes(params: Propagation, image_shape: Sequence[int], alone: bool) -> int:
    """Peak memory of one realisation on a GPU; ``alone`` as in :func:`goes_alone`."""
    pixels = math.prod(image_shape)
    numbers = activations_of(params, image_shape)
    if params.kernel_size == 1:
        held = 6 * numbers + params.width * (pixels + max(params.width, 2 * params.batch_size))
        held += 6 * (2 * params.batch_size) ** 2  # Gram matrix and factor, in double precision
    else:
        height, width = (image_side(length, params.kernel_size) for length in image_shape[:2])
        halo = (1 + (params.kernel_size - 1) / height) * (1 + (params.kernel_size - 1) / width)
        windows = 0 if alone else params.kernel_size**2
        held = (4 + halo + windows) * numbers + params.kernel_size**2 * params.width**2
    if params.architecture == "bn_res":
        held += 2 * numbers
    if params.gradients:
        held += params.layers * numbers // 2 + 2 * params.width**2
    return math.ceil(FLOAT * (held + 4 * params.batch_size * pixels))


def covariance_bytes(params: Propagation, image_shape: Sequence[int]) -> int:
    """Covariance matrices of one realisation at all depths."""
    tensors = {"none": 0, "signal": 1, "signal_and_noise": 2}[params.effective_ranks]
    size = min(params.width, activations_of(params, image_shape) // (2 * params.width))
    return FLOAT * tensors * params.measurements * size**2


def realisations_at_once(params: Propagation, image_shape: Sequence[int], device: torch.device) -> int:
    """How many realisations share one call of :func:`nnstatmech.moments.propagation.propagate`.

    On the CPU one, if convolutional, and otherwise as many as stay in the caches; on a GPU as many as fill it, within
    the memory that is free. Numbers depend on it by rounding only.

    Raises
    ------
    NamedProblem
        If not even one fits into the free memory of a GPU.
    """
    alone = goes_alone(params, image_shape, device)
    if device.type == "cpu":
        variates = min(params.width, 2 * params.batch_size)
        bytes_each = FLOAT * params.width * (4 * params.batch_size + variates)
        return 1 if alone else max(1, math.floor(CACHE_BYTES / bytes_each))
    bytes_each, filling = device_bytes(params, image_shape, alone), 1
    if not alone:
        filling = math.ceil(FULL_BYTES / (FLOAT * activations_of(params, image_shape)))
    waiting = min(RANK_BYTES["cuda"], filling * covariance_bytes(params, image_shape))
    known = free_bytes(device)
    free = math.inf if known is None else known
    left = SHARE_OF_FREE * free - COPIES_OF_COVARIANCES * waiting
    if bytes_each > left:
        needed = (bytes_each + COPIES_OF_COVARIANCES * waiting) / 2**30
        raise NamedProblem(
            f"a realisation of batch_size = {params.batch_size} and width = {params.width} takes about"
            f" {needed:.1f} GiB on the GPU, of which {free / 2**30:.1f} GiB are free; use a smaller one,"
            " wait for other jobs on this GPU, or device: cpu"
        )
    return math.floor(min(filling, left / bytes_each))
