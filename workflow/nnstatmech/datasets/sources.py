"""Where the images of a data set come from: the entries of ``data_sources`` in config.yaml.

Only declarations and checks; :mod:`nnstatmech.datasets.load` reads what they describe. Building the DAG
imports this module, so that it needs nothing but pydantic. Paths are relative to ``data_dir``.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from .official import CIFAR_TEST_FILE, CIFAR_TRAIN_FILES, IDX_FILES

DIGITS_FOR_TRAINING = 1500
PHOTOGRAPHS = 2
PHOTOGRAPH_COLUMNS = 512  # of 640 pixels: the others are for testing
BAND_ROWS = (86, 86, 85, 85, 85)  # the 427 rows of a photograph, cut into five bands
RELEASED_IMAGES = {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000}  # for training

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LocalPath = Annotated[str, StringConstraints(min_length=1)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]


class SourceSettings(BaseModel):
    """What every source may say of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str | None = Field(
        None, min_length=1, description="One phrase for captions and footers; by default made from the source."
    )
    stand_in: bool | None = Field(
        None,
        description="Whether the images are not those that the data set's name promises; by default True for one of "
        "the papers' names (mnist, fashion_mnist, cifar10) unless the content is checked against the official release.",
    )
    limit_train: int | None = Field(None, ge=1, description="Keep only the first so many training images.")
    limit_test: int | None = Field(None, ge=1, description="Keep only the first so many test images.")

    @property
    def has_labels(self) -> bool:
        """Whether its images come with labels, as far as the description can tell."""
        return True

    @property
    def released_images(self) -> int | None:
        """Training images of the source itself, where its description tells."""
        return None

    @property
    def training_images(self) -> int | None:
        """How many training images there are, where the description tells; where it only limits them, the limit."""
        known = [count for count in (self.released_images, self.limit_train) if count is not None]
        return min(known, default=None)


def known_files(hashes: dict[str, str], files: tuple[str, ...]) -> dict[str, str]:
    """Refuse the hash of a file that the source does not have."""
    unknown = set(hashes) - set(files)
    if unknown:
        raise ValueError(f"no such file: {', '.join(sorted(unknown))}; allowed: {', '.join(files)}")
    return hashes


class Bundled(SourceSettings):
    """Images that come with scikit-learn: nothing to download."""

    kind: Literal["bundled"] = "bundled"
    content: Literal["digits", "photographs"] = Field(
        description="digits: 1797 handwritten digits of 8x8 pixels, resized; photographs: overlapping crops of two "
        "photographs, with 10 stand-in classes (photograph x horizontal band)."
    )
    size: int = Field(ge=8, le=64, description="Side of the images in pixels.")
    grey: bool = Field(False, description="Photographs with one channel of luminance; digits always have one.")
    stride: int = Field(8, ge=1, le=64, description="Distance between neighbouring crops of a photograph in pixels.")

    @property
    def released_images(self) -> int | None:
        if self.content == "digits":
            return DIGITS_FOR_TRAINING
        across = (PHOTOGRAPH_COLUMNS - self.size) // self.stride + 1
        down = sum(max((rows - self.size) // self.stride + 1, 0) for rows in BAND_ROWS)
        return PHOTOGRAPHS * across * down


class Idx(SourceSettings):
    """The four files of MNIST and its kin, compressed by gzip or not."""

    kind: Literal["idx"] = "idx"
    folder: LocalPath = Field(description="Folder that holds, or will hold, the four files.")
    release: Literal["mnist", "fashion_mnist"] | None = Field(
        None, description="The official release whose content is demanded and, where missing, downloaded."
    )
    urls: list[Url] = Field(
        default_factory=list, description="Addresses of the folder, tried in turn; by default the release's."
    )
    sha256: dict[str, Sha256] = Field(
        default_factory=dict,
        description="File name without .gz to the SHA-256 of its decompressed content; by default the release's.",
    )

    @field_validator("sha256")
    @classmethod
    def hashes_of_its_files(cls, hashes: dict[str, str]) -> dict[str, str]:
        return known_files(hashes, tuple(IDX_FILES.values()))

    @property
    def released_images(self) -> int | None:
        return RELEASED_IMAGES.get(self.release or "")


class CifarBinary(SourceSettings):
    """CIFAR-10's binary version: the archive, or a folder of its ``*_batch*.bin`` files."""

    kind: Literal["cifar_binary"] = "cifar_binary"
    path: LocalPath = Field("cifar-10-binary.tar.gz", description="The tar archive or the folder of batches.")
    release: Literal["cifar10"] | None = Field(
        None, description="The official release whose content is demanded and, where missing, downloaded."
    )
    urls: list[Url] = Field(
        default_factory=list, description="Addresses of the archive, tried in turn; by default the release's."
    )
    sha256: dict[str, Sha256] = Field(
        default_factory=dict, description="Name of a batch file to its SHA-256; by default the release's."
    )

    @field_validator("sha256")
    @classmethod
    def hashes_of_its_files(cls, hashes: dict[str, str]) -> dict[str, str]:
        return known_files(hashes, (*CIFAR_TRAIN_FILES, CIFAR_TEST_FILE))

    @property
    def released_images(self) -> int | None:
        return RELEASED_IMAGES.get(self.release or "")


class HeldOut(SourceSettings):
    """A source that may come without test images."""

    test_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the images held out for testing where the source has no test images."
    )


class ImageFolder(HeldOut):
    """A folder, or a zip of it, with one sub-folder of images per class, with or without train/ and test/ above."""

    kind: Literal["image_folder"] = "image_folder"
    path: LocalPath = Field(description="The folder or the zip file.")
    size: int | None = Field(
        None, ge=1, le=1024, description="Side in pixels to which images are cropped (to a square) and resized."
    )
    grey: bool = Field(False, description="One channel of luminance instead of three colours.")
    sha256: Sha256 | None = Field(None, description="SHA-256 of the zip file.")


class Npz(HeldOut):
    """Arrays in an ``.npz`` file: uint8 images of shape (n, height, width[, channels]), integer labels."""

    kind: Literal["npz"] = "npz"
    path: LocalPath = Field(description="The file.")
    images: str = Field("images", min_length=1, description="Key of the training images.")
    labels: str | None = Field(None, min_length=1, description="Key of the training labels; none if left out.")
    test_images: str | None = Field(None, min_length=1, description="Key of the test images; held out if left out.")
    test_labels: str | None = Field(None, min_length=1, description="Key of the test labels.")
    sha256: Sha256 | None = Field(None, description="SHA-256 of the file.")

    @property
    def has_labels(self) -> bool:
        return self.labels is not None

    @model_validator(mode="after")
    def labels_on_both_sides(self) -> Self:
        if self.test_images is None and self.test_labels is not None:
            raise ValueError(f"test_labels = {self.test_labels!r} needs test_images")
        if self.test_images is not None and (self.labels is None) != (self.test_labels is None):
            raise ValueError("labels and test_labels must be given both or neither")
        return self


Source = Annotated[Bundled | Idx | CifarBinary | ImageFolder | Npz, Field(discriminator="kind")]
