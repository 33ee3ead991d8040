"""Image files become eight-bit pixels without losing anything, or are refused by name: every mode that Pillow opens."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from nnstatmech.datasets.pixels import decode_image, is_srgb
from nnstatmech.datasets.reading import Unusable

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLOURS = np.stack([RAMP, RAMP.T, 255 - RAMP], -1)
OPAQUE = np.full((16, 16, 1), 255, np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
HALF = np.full((16, 16, 1), 128, np.uint8)


def saved(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png_of_depth_16(values, colour_type):
    """A PNG file with 16 bits a value, which Pillow reads but does not write for colours; values (rows, columns, n)."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows, columns = values.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", columns, rows, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def palette_of(colours):
    image = Image.fromarray(RAMP % len(colours), "P")
    image.putpalette(np.array(colours, np.uint8).ravel().tolist())
    return image


def pixels(content, grey=False):
    return np.asarray(decode_image(content, grey))


GREY_AS_COLOUR = np.repeat(RAMP[..., None], 3, -1)
TWO = [(10, 20, 30), (200, 100, 50)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (saved(Image.fromarray(RAMP > 100)), np.where(GREY_AS_COLOUR > 100, 255, 0)),
        (saved(Image.fromarray(RAMP)), GREY_AS_COLOUR),
        (saved(Image.fromarray(COLOURS)), COLOURS),
        (saved(palette_of(TWO)), np.array(TWO)[RAMP % 2]),
        (saved(palette_of(TWO), transparency=b"\xff\xff"), np.array(TWO)[RAMP % 2]),
        (saved(Image.fromarray(np.concatenate([COLOURS, OPAQUE], -1))), COLOURS),
        (saved(Image.fromarray(np.concatenate([RAMP[..., None], OPAQUE], -1))), GREY_AS_COLOUR),
        (saved(Image.fromarray(COLOURS), transparency=(1, 2, 3)), COLOURS),  # a colour that the image does not have
        (saved(Image.fromarray(RAMP.astype(np.uint16) * 257)), GREY_AS_COLOUR),
        (saved(Image.fromarray(RAMP.astype(np.uint16) * 257), "TIFF"), GREY_AS_COLOUR),
        (saved(Image.fromarray(COLOURS), "WEBP", lossless=True), COLOURS),
        (saved(Image.fromarray(COLOURS), "BMP"), COLOURS),
        (saved(Image.fromarray(COLOURS), "TIFF", compression="tiff_lzw"), COLOURS),
        (saved(Image.fromarray(COLOURS), icc_profile=SRGB), COLOURS),
    ],
)  # fmt: skip
def test_what_eight_bits_can_hold_is_held(content, expected):
    np.testing.assert_array_equal(pixels(content), expected)


RANDOM_16 = np.random.default_rng(0).integers(0, 1 << 16, (16, 16, 4), np.uint16)


def other_profile():
    """sRGB with red and green exchanged, as bytes."""
    profile = bytearray(SRGB)
    count = struct.unpack(">I", profile[128:132])[0]
    entry = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = entry[b"rXYZ"], entry[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (saved(Image.fromarray(RANDOM_16[..., 0])), "mode I;16 .16-bit grey levels"),
        (saved(Image.fromarray(RAMP.astype(np.uint16))), "mode I;16 .16-bit grey levels from 0 to 255"),
        (saved(Image.fromarray(RANDOM_16[..., 0]), "TIFF"), "mode I;16"),
        (png_of_depth_16(RANDOM_16[..., :3], 2), "16 bits in each value of RGB"),
        (png_of_depth_16(RANDOM_16, 6), "16 bits in each value of RGBA"),
        (png_of_depth_16(RANDOM_16[..., :2], 4), "16 bits in each value of"),
        (saved(Image.fromarray(RAMP.astype(np.int32)), "TIFF"), "mode I .32-bit integers"),
        (saved(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), "mode F .32-bit decimal"),
        (saved(Image.fromarray(COLOURS).convert("CMYK"), "JPEG"), "mode CMYK .amounts of four inks"),
        (saved(Image.fromarray(COLOURS).convert("CMYK"), "TIFF"), "mode CMYK"),
        (saved(Image.fromarray(COLOURS, "LAB"), "TIFF"), "mode LAB"),
        (saved(Image.fromarray(np.concatenate([COLOURS, HALF], -1))), r"transparent pixels \(RGBA\)"),
        (saved(Image.fromarray(np.concatenate([RAMP[..., None], HALF], -1))), r"transparent pixels \(LA\)"),
        (saved(Image.fromarray(np.concatenate([COLOURS, HALF], -1)), "WEBP", lossless=True), "transparent pixels"),
        (saved(palette_of(TWO), transparency=1), r"transparent pixels \(P\)"),
        (saved(Image.fromarray(COLOURS), transparency=tuple(COLOURS[3, 4].tolist())), r"transparent pixels \(RGB\)"),
        (saved(Image.fromarray(RAMP), transparency=7), r"transparent pixels \(L\)"),
        (saved(Image.fromarray(COLOURS), "TIFF", save_all=True, append_images=[Image.fromarray(COLOURS)]), "2 frames"),
        (saved(Image.fromarray(COLOURS), save_all=True, append_images=[Image.fromarray(255 - COLOURS)]), "2 frames"),
        (saved(Image.fromarray(COLOURS), icc_profile=other_profile()), "colours of another space than sRGB .sRGB"),
        (saved(Image.fromarray(COLOURS), "JPEG", icc_profile=b"rubbish"), "colour profile that cannot be read"),
        (saved(Image.new("1", (8193, 8192))), "more than 8192 x 8192 pixels"),
        (saved(Image.new("1", (20000, 20000))), "more than 8192 x 8192 pixels"),
        (saved(Image.fromarray(COLOURS), "GIF"), "is no readable image"),
        (b"", "is no readable image"),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_eight_bits_cannot_hold_is_refused_by_name(content, said, grey):
    with pytest.raises(Unusable, match=said) as caught:
        decode_image(content, grey)
    assert "\n" not in str(caught.value)


def test_grey_is_asked_for():
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(RAMP)), grey=True), RAMP)
    np.testing.assert_array_equal(pixels(saved(palette_of([(7, 7, 7), (9, 9, 9)])), grey=True), 7 + 2 * (RAMP % 2))
    luminance = COLOURS @ [0.299, 0.587, 0.114]
    assert abs(pixels(saved(Image.fromarray(COLOURS)), grey=True) - luminance).max() <= 1


def test_profiles_are_told_by_their_colours():
    """Exchanged primaries are another space, whatever the profile calls itself."""
    assert is_srgb(SRGB, "RGB")
    assert is_srgb(SRGB, "L")
    assert not is_srgb(other_profile(), "RGB")
