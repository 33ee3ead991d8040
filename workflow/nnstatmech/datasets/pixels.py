"""One image file as eight-bit pixels: converted without losing anything, or refused by name."""

import io
import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from .reading import LARGEST_FILE, Unusable, check_size

if TYPE_CHECKING:
    from PIL._imagingcms import CmsProfile

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")  # Pillow's other decoders, some of which call programs, stay shut
LARGEST_IMAGE = 1 << 26  # pixels
TOO_LARGE = "has more than 8192 x 8192 pixels; make it smaller first"
# Modes whose values are eight-bit grey levels or colours as they are, or become so through a palette.
PLAIN = {"1", "L", "RGB", "P"}
WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
SIXTEEN_BITS = {"I;16", "I;16L", "I;16B", "I;16N"}
STEP_OF_16_BITS = 257  # 65535 / 255: the 16-bit values that eight bits can hold are multiples of this
# Decoders that keep the upper half of 16-bit colours: the mode of what they give no longer tells.
DROPS_BITS = re.compile(r";16[BLN]$")
TIFF_SAMPLES = 277  # tag: values of each pixel
REASONS = {
    "CMYK": "amounts of four inks",
    "YCbCr": "brightness and colour differences",
    "LAB": "CIE L*a*b* colours",
    "HSV": "hue, saturation and value",
    "I": "32-bit integers",
    "F": "32-bit decimal numbers",
}
MEND = "convert it to eight-bit grey or sRGB first"
SAME_COLOUR = 8  # of 255 levels: sRGB profiles of different makers, and grey levels of gamma 2.2, differ by less


def decode_image(content: bytes, grey: bool) -> Image.Image:
    """The image in a file, upright, of mode ``L`` (``grey``) or ``RGB``.

    Grey levels become equal amounts of three colours; colours become their luminance only because ``grey`` asks for it.

    Raises
    ------
    Unusable
        If the file is no image, is too large, or has what eight bits of grey or sRGB cannot hold: more bits, inks,
        transparent pixels, other colours, several frames.
    """
    check_size(len(content), LARGEST_FILE, "a size")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as file:
            check_header(file)
            return in_eight_bits(file, ImageOps.exif_transpose(file)).convert("L" if grey else "RGB")
    except Unusable:
        raise
    except Image.DecompressionBombError as error:  # of Pillow's own limit, which is higher
        raise Unusable(TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise Unusable(f"is no readable image (it is none of {', '.join(FORMATS)})") from error
    # Pillow raises these on damaged content.
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, zlib.error) as error:
        raise Unusable(f"is no readable image ({error})") from error


def check_header(file: ImageFile.ImageFile) -> None:
    """Refuse by what the file says of itself, before anything is unpacked."""
    if file.width * file.height > LARGEST_IMAGE:
        raise Unusable(TOO_LARGE)
    if file.mode not in PLAIN | WITH_ALPHA | SIXTEEN_BITS:
        what = f" ({REASONS[file.mode]})" if file.mode in REASONS else ""
        raise Unusable(f"has the mode {file.mode}{what}, which eight bits of grey or sRGB cannot hold; {MEND}")
    decoders = [tile[3] if isinstance(tile[3], str) else (tile[3] or ("",))[0] for tile in file.tile]
    if file.mode not in SIXTEEN_BITS and any(DROPS_BITS.search(str(name)) for name in decoders):
        raise Unusable(f"has 16 bits in each value of {file.mode}, of which half would be lost; {MEND}")
    samples = getattr(file, "tag_v2", {}).get(TIFF_SAMPLES, 1)
    if samples > len(file.getbands()):
        raise Unusable(f"has {samples} values in each pixel, of which {file.mode} holds {len(file.getbands())}; {MEND}")
    # A camera's second picture in a JPEG file is a preview of the first.
    frames = 1 if file.format == "MPO" else getattr(file, "n_frames", 1)
    if frames > 1:
        raise Unusable(f"has {frames} frames; save each as a file of its own")


def in_eight_bits(file: Image.Image, image: Image.Image) -> Image.Image:
    """``image`` of mode ``L`` or ``RGB``, with all that it held."""
    profile = file.info.get("icc_profile")
    if image.mode in SIXTEEN_BITS:
        if "transparency" in file.info:
            raise Unusable(f"has the mode {file.mode} with a transparent value; {MEND}")
        image = halved(image, file.mode)
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        coloured = not image.mode.upper().startswith("L") and image.mode != "1"
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise Unusable(f"has transparent pixels ({file.mode}); put it on a background first")
        image = image.convert("RGB" if coloured else "L")
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    if profile and not is_srgb(profile, image.mode):
        raise Unusable(f"has colours of another space than sRGB ({profile_name(profile)}); {MEND}")
    return image


def halved(image: Image.Image, mode: str) -> Image.Image:
    """Sixteen-bit grey levels that were eight-bit ones, as these; any others are refused."""
    values = np.asarray(image)
    levels, rest = np.divmod(values, STEP_OF_16_BITS)
    if rest.any():
        raise Unusable(
            f"has the mode {mode} (16-bit grey levels from {values.min()} to {values.max()}), which eight bits cannot "
            f"hold; divide them by {STEP_OF_16_BITS} and round, or stretch the range that matters, first"
        )
    return Image.fromarray(levels.astype(np.uint8))


@lru_cache(maxsize=64)
def is_srgb(profile: bytes, mode: str) -> bool:
    """Whether a colour profile gives every value the colour that sRGB gives it, up to what makers differ by."""
    levels = np.arange(256, dtype=np.uint8)
    cube = np.stack(np.meshgrid(*[levels[::17]] * 3), -1).reshape(1, -1, 3)
    stored = open_profile(profile)
    space = facts_of(stored).xcolor_space.strip()
    if space == "GRAY" and mode == "L":
        given = Image.fromarray(levels[None])
    elif space == "RGB":
        given = Image.fromarray(cube if mode == "RGB" else np.repeat(levels[None, :, None], 3, -1))
    else:
        return False
    shown = ImageCms.profileToProfile(
        given, stored, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"
    )
    return bool(np.abs(np.asarray(shown, int) - np.asarray(given.convert("RGB"), int)).max() <= SAME_COLOUR)


def open_profile(profile: bytes) -> ImageCms.ImageCmsProfile:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError) as error:
        raise Unusable(f"has a colour profile that cannot be read; {MEND}") from error


def facts_of(profile: ImageCms.ImageCmsProfile) -> "CmsProfile":
    """What a profile says of itself; Pillow's annotations take it for the file that it may have come from, too."""
    return cast("CmsProfile", profile.profile)


def profile_name(profile: bytes) -> str:
    return " ".join((facts_of(open_profile(profile)).profile_description or "unnamed profile").split())
