"""Members of archives that must never be followed, believed or unpacked."""

import stat
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from .reading import Unusable, check_size


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


def check_zip(archive: zipfile.ZipFile, limit: int) -> None:
    """Check every member by what the archive says of it: name, kind, and no more than ``limit`` bytes unpacked.

    A member that lies about its size is cut off there by :mod:`zipfile` and fails its checksum. A name that is given
    twice is refused, because programs differ in which of the two they see.
    """
    seen = set()
    for member in archive.infolist():
        check_member(member.filename, stat.S_ISLNK(member.external_attr >> 16))
        check_size(member.file_size, limit, f"the member {member.filename!r}")
        name = PurePosixPath(member.filename)
        if name in seen and not member.is_dir():
            raise Unusable(f"has the member {member.filename!r} twice; each name must be there once")
        seen.add(name)
