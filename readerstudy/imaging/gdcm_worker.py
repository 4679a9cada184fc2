"""Decode one compressed frame with GDCM, in a process of its own; see
`decode_subprocess`.

Run as a script, so that it loads nothing but the decoder. In: one line of JSON with pydicom's
decoding options and the transfer syntax, then the frame. Out: the array in NumPy's file format.
"""

import io
import json
import sys

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID

MEMORY_BYTES = 4 * 2**30


def main() -> None:
    """Decode what standard input holds to standard output."""
    _limit_memory()
    options = json.loads(sys.stdin.buffer.readline())
    decoder = get_decoder(UID(options.pop("transfer_syntax_uid")))
    frame = encapsulate([sys.stdin.buffer.read()])
    array, _ = decoder.as_array(frame, index=0, decoding_plugin="gdcm", **options)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    sys.stdout.buffer.write(file.getbuffer())


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
