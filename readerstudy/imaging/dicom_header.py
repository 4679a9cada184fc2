"""Where the header of a DICOM file begins, without any library for the rest."""

PREAMBLE_BYTES = 128
_PREFIX = b"DICM"
_FIRST_OF_META = b"\x02\x00\x00\x00UL"


def meta_start(data: bytes) -> int | None:
    """Where the file meta information begins; None where `data` has none, and is no DICOM file.

    Some programs leave out the 128 bytes before it, or the four letters that end them.
    """
    for start in (PREAMBLE_BYTES, 0):
        if data[start : start + 4] == _PREFIX:
            return start + 4
        if data[start : start + 6] == _FIRST_OF_META:
            return start
    return None
