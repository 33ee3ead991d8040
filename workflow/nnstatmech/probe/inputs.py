"""What a user gives as input: tensors as they are, arrays and folders of images normalised and channels first."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..datasets import Dataset
from ..datasets.image_folder import SUFFIXES
from ..datasets.pixels import FORMATS, decode_image
from ..datasets.reading import Unusable, fixed_order
from .checks import ProbeError, first_line


def prepared(inputs: Any) -> Any:
    """Inputs as tensors.

    Parameters
    ----------
    inputs
        A tensor, a tuple or a mapping of keyword inputs (taken as they are); an array: of images (uint8, of shape
        (images, height, width, channels)), which are normalised, or of numbers; a
        :class:`~nnstatmech.datasets.Dataset`, of which the training images are taken; or a folder of images.

    Raises
    ------
    ProbeError
        If there is no image.
    """
    if isinstance(inputs, Dataset):
        return normalised(inputs.train_images)
    if isinstance(inputs, str | PathLike):
        return normalised(read_folder(Path(inputs)))
    if isinstance(inputs, np.ndarray):
        is_image = inputs.dtype == np.uint8 and inputs.ndim in (3, 4)
        return normalised(inputs) if is_image else torch.from_numpy(inputs)
    if isinstance(inputs, Tensor | Mapping):
        return inputs
    if isinstance(inputs, list | tuple):
        return tuple(prepared(item) if isinstance(item, np.ndarray) else item for item in inputs)
    raise ProbeError(f"inputs are a {type(inputs).__name__}: give a tensor, a tuple, a dict, an array or a folder")


def normalised(images: np.ndarray) -> Tensor:
    """uint8 images (n, height, width[, channels]) as (n, channels, height, width), each channel of mean 0, variance 1.

    Channels are normalised over all images and pixels; one that is constant becomes 0.
    """
    if len(images) == 0:
        raise ProbeError("there is no image among the inputs")
    pixels = torch.from_numpy(np.ascontiguousarray(images)).double()
    pixels = pixels[..., None] if pixels.dim() == 3 else pixels
    mean, deviation = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2), correction=0)
    pixels = (pixels - mean) / torch.where(deviation > 0, deviation, 1.0)
    return pixels.permute(0, 3, 1, 2).contiguous()


def read_folder(folder: Path, side: int | None = None, grey: bool = False) -> np.ndarray:
    """All images in a folder and below, in a fixed order, cropped and resized to ``side`` or the size of the first.

    Raises
    ------
    ProbeError
        If the folder is missing, holds no image, or one that cannot be read.
    """
    if not folder.is_dir():
        raise ProbeError(f"there is no folder {folder} with images")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise ProbeError(f"there is no image in {folder}: files end in {', '.join(SUFFIXES)}")
    # Folders are often sorted by class: every leading part should be a mixture.
    order = fixed_order(len(files))
    grey = grey or is_grey(files[order[0]])
    pixels: list[np.ndarray] = []
    size = None if side is None else (side, side)
    for index in order:
        try:
            image = decode_image(files[index].read_bytes(), grey)
        except (Unusable, OSError) as error:
            raise ProbeError(f"{files[index]} {first_line(error)}") from error
        size = size or image.size
        if image.size != size:
            image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
        array = np.asarray(image)
        pixels.append(array[..., None] if array.ndim == 2 else array)
    return np.stack(pixels)


def is_grey(path: Path) -> bool:
    """Whether a file holds a grey image; False where it cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            return file.mode in ("1", "L", "LA", "I;16")
    except (OSError, ValueError, SyntaxError):
        return False
