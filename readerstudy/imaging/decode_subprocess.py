"""Decode lossless JPEG and JPEG-LS frames in a process of their own.

Only GDCM reads these, and a damaged frame can make it abort the whole process, which no
``except`` prevents. The price is about half a second a frame, paid for these two kinds alone.
"""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import as_pixel_options

from readerstudy.imaging.colours import RGB
from readerstudy.imaging.problems import UnreadableImage

TIMEOUT_SECONDS = 60

_WORKER = Path(__file__).with_name("gdcm_worker.py")


def decode_in_subprocess(encoded: bytes, dataset: Dataset) -> np.ndarray:
    """The stored values of one compressed frame that `dataset` describes.

    Returns
    -------
    numpy.ndarray, shape (H, W) or (H, W, 3)
        As they are stored: nothing is converted.

    Raises
    ------
    UnreadableImage
        If the frame cannot be decoded, or not in time.
    """
    options = as_pixel_options(dataset, number_of_frames=1)
    options.pop("extended_offsets", None)
    if dataset.SamplesPerPixel == 3:
        options["photometric_interpretation"] = RGB  # leaves the samples as they are
    options["planar_configuration"] = 0  # they come by pixel, whatever it says
    options["transfer_syntax_uid"] = dataset.file_meta.TransferSyntaxUID
    try:
        result = subprocess.run(  # noqa: S603 - our own interpreter and script; no user input
            [sys.executable, "-I", _WORKER],
            input=json.dumps(options).encode() + b"\n" + encoded,
            capture_output=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
            # A thread for each core would take address space, which the worker limits.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.SubprocessError as error:
        message = "this DICOM file's compressed image is damaged or too complex; export it again"
        raise UnreadableImage(message) from error
    if result.stderr:  # of damage the decoder only warns
        raise UnreadableImage("this DICOM file's compressed image is damaged; export it again")
    return np.load(io.BytesIO(result.stdout), allow_pickle=False)
