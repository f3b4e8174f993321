"""Keys: what may name an object, in every storage."""

from __future__ import annotations

import re

# Printable ASCII without a blank. No segment begins with a dot: that excludes `.` and `..`, and it leaves such names to
# directory storage for files of its own. 255 bytes is what a file name can hold, 1,024 what an S3 key can.
_SEGMENT = r"[!-\-0-~][!-.0-~]{0,254}"
_KEY = re.compile(f"{_SEGMENT}(?:/{_SEGMENT})*")
_LONGEST = 1024


def check_key(key: str) -> str:
    """Returns the key; raises ValueError for one that not every storage can hold."""
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    """Returns the prefix, which is empty or ends in `/`; raises ValueError for any other."""
    if prefix:
        if not prefix.endswith("/"):
            raise ValueError(f"not a prefix, for it does not end in a slash: {prefix!r}")
        check_key(prefix[:-1])
    return prefix
