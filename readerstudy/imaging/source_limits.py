"""How large a source, a file and an image may be."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
MAX_MM_PER_PIXEL = 10


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds that keep a mistaken or hostile source from filling memory or disk.

    The defaults leave ample room for a real cohort: a full-screen capture has about two million
    pixels, a cine clip some tens of megabytes.
    """

    max_entries: int = 250_000
    """Files in one source."""
    max_file_bytes: int = 256 * MIB
    """Bytes of one file, unpacked."""
    max_total_bytes: int = 32 * GIB
    """Bytes of all files in a ZIP, unpacked."""
    max_ratio: int = 200
    """Unpacked over packed bytes of one file in a ZIP; files up to 1 MiB are exempt."""
    max_manifest_bytes: int = 32 * MIB
    """Bytes of the manifest."""
    max_rows: int = 100_000
    """Cases in the manifest."""
    max_problems: int = 10_000
    """Problems listed of one table or archive; it is read no further."""
    min_side: int = 32
    """Pixels: the least width and height of an image."""
    max_side: int = 65_535
    """Pixels: the greatest width and height of an image; no JPEG or DICOM file has more."""
    max_pixels: int = 4096 * 4096
    """Pixels: the most that width times height of an image may be."""


def readable_size(count: int) -> str:
    """A number of bytes as a person reads it, as in ``"256.0 MiB"``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
