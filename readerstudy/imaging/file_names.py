"""Which names a file inside a source may have."""

import re
import unicodedata

MAX_NAME_LENGTH = 1024
JUNK = ("__MACOSX", ".DS_Store")

_DRIVE = re.compile(r"[A-Za-z]:")


def name_fault(name: str) -> str:
    """Why `name` cannot name a file inside a source, or "" where it can.

    A good name is relative, with forward slashes, and never steps out of its folder.
    """
    steps = name.split("/")
    faults = (
        (not name, "has no name"),
        (len(name) > MAX_NAME_LENGTH, f"is longer than {MAX_NAME_LENGTH} characters; shorten it"),
        (not name.isprintable(), "contains control or undecodable characters; rename the file"),
        ("\\" in name, "contains a backslash; write the path with forward slashes"),
        (
            name.startswith("/") or _DRIVE.match(name),
            "is an absolute path; name the file relative to the manifest",
        ),
        (".." in steps, 'points outside the folder with ".."; put the file inside the folder'),
        ("" in steps or "." in steps, 'contains an empty or "." step; write the plain path'),
    )
    return next((message for wrong, message in faults if wrong), "")


def is_junk(name: str) -> bool:
    """Whether `name` is bookkeeping that macOS leaves behind."""
    return any(step in JUNK for step in name.split("/"))


def folded_name(name: str) -> str:
    """`name` without regard to capitals and to how accents are encoded, to find near misses."""
    return unicodedata.normalize("NFC", name).casefold()
