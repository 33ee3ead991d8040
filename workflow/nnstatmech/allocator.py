"""Memory that is freed and soon wanted again."""

import ctypes
import functools
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
LARGEST_KEPT = 32 * 2**20  # the most that glibc lets be taken from its heap


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep blocks of up to 32 MB that are freed, for the rest of the process; Linux with glibc only.

    Otherwise it gives them back, and a tensor that is made anew in each step of a loop is handed out page by page, each
    cleared by the kernel first: half of the time of a convolution of 256 channels.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
    library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
