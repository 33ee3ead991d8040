"""Names inside archives that must never be followed."""

from pathlib import PurePosixPath, PureWindowsPath

from .reading import Unusable


def check_member(name: str, is_link: bool) -> None:
    """Refuse a member that points out of its archive.

    Nothing is ever extracted to the disk, so that such a member could do no harm; but an archive that has
    one was made to do harm, and nothing in it is to be believed.
    """
    windows = PureWindowsPath(name)
    outside = PurePosixPath(name).is_absolute() or windows.is_absolute() or windows.drive or windows.root
    if outside or ".." in windows.parts:
        raise Unusable(f"has the member {name!r}, which points out of the archive")
    if is_link:
        raise Unusable(f"has the member {name!r}, which is a link")
