"""Class folders of images, in a directory or a zip file."""

import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from .archives import check_zip
from .names import is_hidden
from .pixels import decode_image
from .reading import LARGEST_FILE, LARGEST_PART, Images, Request, Unusable, check_size, fixed_order, held_out
from .sources import ImageFolder

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
PARTS = ("train", "test")


def read(source: ImageFolder, request: Request) -> Images:
    """The images, labelled by the alphabetical order of the class folders.

    The order of files in folders means nothing: each part is shuffled by a fixed permutation, so that any
    leading share of it is a mixture of all classes.
    """
    path = request.existing(source.path)
    if path.is_dir():
        if source.sha256 is not None:
            raise request.error(
                f"sha256 is that of a zip file, but {path} is a folder; remove sha256 or zip the folder"
            )
        return decode(list_folder(path), lambda name: content_of_file(path / name), path, source, request)
    request.check_file(path, source.sha256)
    try:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive, LARGEST_FILE)
            return decode(archive.namelist(), archive.read, path, source, request)
    except Unusable as error:
        raise request.error(f"{path} {error}") from error
    except zipfile.BadZipFile as error:
        raise request.damaged(path, f"is no whole zip file ({error})") from error


def content_of_file(path: Path) -> bytes:
    check_size(path.stat().st_size, LARGEST_FILE, "a size")
    return path.read_bytes()


def list_folder(path: Path) -> list[str]:
    """Names of everything below ``path``, folders with a slash at the end; links to class folders are followed."""
    names = []
    for folder, below, files in os.walk(path, followlinks=True):
        above = Path(folder).relative_to(path)
        names += [f"{(above / name).as_posix()}/" for name in below]
        names += [(above / name).as_posix() for name in files]
    return names


def decode(
    names: list[str], content_of: Callable[[str], bytes], path: Path, source: ImageFolder, request: Request
) -> Images:
    """Sort the names into parts and classes, and decode the images."""
    try:
        parts = sort_by_class(names)
        files, labels = split(parts, source.test_share)
    except Unusable as error:
        raise request.error(f"{path} {error}") from error
    classes = len(training_classes(parts))
    chosen = {}
    for part, limit in zip(PARTS, (source.limit_train, source.limit_test), strict=True):
        order = fixed_order(len(files[part]))[:limit]
        chosen[part] = files[part][order], labels[part][order]
    decoder = Decoder(content_of, source.size, source.grey)
    with request.progress(total=sum(len(part[0]) for part in chosen.values()), desc=f"decode {path.name}") as bar:
        images = {}
        for part in PARTS:
            for position, name in enumerate(chosen[part][0]):
                try:
                    pixels = decoder(name)
                except Unusable as error:
                    raise request.error(f"{path}: {name} {error}") from error
                if position == 0:
                    images[part] = room_for(len(chosen[part][0]), pixels, path, request)
                images[part][position] = pixels
                bar.update(1)
    return Images(images["train"], chosen["train"][1], images["test"], chosen["test"][1], classes)


def room_for(count: int, pixels: np.ndarray, path: Path, request: Request) -> np.ndarray:
    """An array for ``count`` images like the first one."""
    try:
        check_size(
            count * pixels.nbytes, LARGEST_PART, f"{count} images of {pixels.shape[1]} x {pixels.shape[0]} pixels"
        )
    except Unusable as error:
        raise request.error(f"{path} {error}; give size: or limit_train:") from error
    return np.empty((count, *pixels.shape), np.uint8)


def sort_by_class(names: list[str]) -> dict[str, dict[str, list[str]]]:
    """Part (``train``, ``test`` or ``""`` where there are none) to class to sorted names of images.

    Folders that hold everything else are passed through; hidden files are left out, and so are files
    above the class folders.
    """
    paths = sorted(name for name in names if not is_hidden(name))
    depth = 0
    while len(tops := {parts[depth] for parts in folders(paths) if len(parts) > depth}) == 1 and not tops & {*PARTS}:
        if not any(len(parts) > depth + 1 for parts in folders(paths)):
            break  # the only folder is the only class
        depth += 1
    has_parts = "train" in tops
    if has_parts and tops - {*PARTS}:
        raise Unusable(f"has the folder {min(tops - {*PARTS})!r} beside train and test")
    parts: dict[str, dict[str, list[str]]] = {}
    for name in paths:
        above = PurePosixPath(name).parts[depth:] if name.endswith("/") else PurePosixPath(name).parts[depth:-1]
        part, *classes = above if has_parts and above else ("", *above)
        if not classes:
            continue
        if len(classes) > 1:
            raise Unusable(f"has {name!r} below the class folder {classes[0]!r}; class folders hold images only")
        members = parts.setdefault(part, {}).setdefault(classes[0], [])
        if not name.endswith("/"):
            if not name.lower().endswith(SUFFIXES):
                raise Unusable(f"has {name!r} in a class folder; images end in {', '.join(SUFFIXES)}")
            members.append(name)
    check_classes(parts)
    return parts


def folders(paths: list[str]) -> list[tuple[str, ...]]:
    """The folders of every path, the path itself where it is a folder."""
    return [PurePosixPath(p).parts if p.endswith("/") else PurePosixPath(p).parts[:-1] for p in paths]


def check_classes(parts: Mapping[str, Mapping[str, list[str]]]) -> None:
    """Refuse folders without images and test classes that training does not have."""
    if not parts:
        raise Unusable("has no class folders; put images into <class>/ or train/<class>/ and test/<class>/")
    for part, classes in parts.items():
        for name, members in classes.items():
            if not members:
                raise Unusable(f"has no images in the class folder {'/'.join(filter(None, (part, name)))!r}")
    for name in parts.get("test", {}):
        if name not in parts.get("train", {}):
            raise Unusable(f"has the test class {name!r} without training images")


def training_classes(parts: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    """The classes of the training images: those below ``train``, or all where there are no parts."""
    return parts["train"] if "train" in parts else parts[""]


def split(parts: dict[str, dict[str, list[str]]], share: float) -> tuple[dict, dict]:
    """Names and labels of the training and the test images; without a test folder a share is held out."""
    training = training_classes(parts)
    number = {name: label for label, name in enumerate(sorted(training))}
    files, labels = flatten(training, number)
    if "test" in parts:
        test_files, test_labels = flatten(parts["test"], number)
        return {"train": files, "test": test_files}, {"train": labels, "test": test_labels}
    train, test = held_out(labels, share)
    return {"train": files[train], "test": files[test]}, {"train": labels[train], "test": labels[test]}


def flatten(classes: dict[str, list[str]], number: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Names of all images, class after class, and their labels."""
    names = [name for members in classes.values() for name in members]
    labels = np.repeat([number[name] for name in classes], [len(members) for members in classes.values()])
    return np.array(names, object), labels.astype(np.int64)


class Decoder:
    """Decodes images one by one and refuses one of another size than the first."""

    def __init__(self, content_of: Callable[[str], bytes], size: int | None, grey: bool):
        self.content_of = content_of
        self.size = size
        self.grey = grey
        self.first: tuple[str, tuple[int, int]] | None = None

    def __call__(self, name: str) -> np.ndarray:
        """Pixels of shape (height, width, channels)."""
        try:
            content = self.content_of(name)
        # Zip files raise these on damaged content, on a password and on a method that they lack.
        except (OSError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise Unusable(f"cannot be read ({error})") from error
        image = decode_image(content, self.grey)
        if self.size is not None and image.size != (self.size, self.size):
            image = ImageOps.fit(image, (self.size, self.size), Image.Resampling.LANCZOS)
        self.first = self.first or (name, image.size)
        if image.size != self.first[1]:
            raise Unusable(
                f"has {image.width} x {image.height} pixels, but {self.first[0]} {self.first[1][0]} x "
                f"{self.first[1][1]}; give size: to resize all"
            )
        pixels = np.asarray(image)
        return pixels[..., None] if pixels.ndim == 2 else pixels
