"""The site's Celery application on a machine that fails it.

- It has memory for two cases at once. The sizes of batches that were too large for it stand in the
  file "too-large", a line each.
- While the file "gpu-fails" lies in the site's folder, the next process that runs the model loses
  its GPU for good, as CUDA's sticky errors have it; the file is gone then.
- While "disk-full" lies there, no image can be put aside.
"""

import errno
import os
from pathlib import Path

import torch
from celery.signals import worker_ready

from readerstudy.celery import app

__all__ = ["app"]

ROOM = 2  # cases
_FOLDER = Path(os.environ["READERSTUDY_VAR"])
_LOST = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")


@worker_ready.connect
def break_machine(**_) -> None:
    from inference import device, runner
    from readerstudy.studies.file_staging import StagedFiles

    forward, copy = runner._forward, StagedFiles.copy
    gpu_fails, disk_full = _FOLDER / "gpu-fails", _FOLDER / "disk-full"
    too_large = _FOLDER / "too-large"

    def lost(*_arguments, **_options):
        raise _LOST

    def forward_or_fail(model, inputs):
        if gpu_fails.exists():
            gpu_fails.unlink()
            device.device = lambda: torch.device("cuda")
            runner._forward = torch.ones = lost
            lost()
        if len(inputs) > ROOM:
            with too_large.open("a") as file:
                print(len(inputs), file=file)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(model, inputs)

    def copy_or_fail(*arguments, **options):
        if disk_full.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return copy(*arguments, **options)

    runner._forward, StagedFiles.copy = forward_or_fail, copy_or_fail
