"""Where the header of a DICOM file begins, without any library for the rest."""

PREAMBLE_BYTES = 128
_PREFIX = b"DICM"
_GROUP_OF_META = b"\x02\0"
_KINDS_OF_META = (b"UL", b"OB", b"UI")


def meta_start(data: bytes) -> int | None:
    """Where the file meta information begins; None where `data` has none, and is no DICOM file.

    Some programs leave out the 128 bytes before it, or the four letters that end them.
    """
    for start in (PREAMBLE_BYTES, 0):
        if data[start : start + 4] == _PREFIX:
            return start + 4
        is_meta = data[start : start + 2] == _GROUP_OF_META
        if is_meta and data[start + 4 : start + 6] in _KINDS_OF_META:
            return start
    return None
