"""The device that the model runs on: which it is, whether it works, and whether it is full."""

import torch
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from inference.clahdm.predict import Precision
from readerstudy.jobs.errors import WorkerBroken


def device() -> torch.device:
    """The configured device; ``auto`` is the first GPU, or the processor.

    Raises ImproperlyConfigured where this machine does not have it.
    """
    name = settings.INFERENCE_DEVICE
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    found = torch.device(name)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ImproperlyConfigured(
            f"INFERENCE_DEVICE is {name}, but torch finds {torch.cuda.device_count()} GPUs on "
            "this machine. Set it to auto or cpu, or check the GPU driver."
        )
    return found


def precision() -> Precision:
    """The configured precision; ``auto`` is bf16 on a GPU that has it, else fp32."""
    if settings.INFERENCE_PRECISION != "auto":
        return settings.INFERENCE_PRECISION
    on_gpu = device().type == "cuda"
    has_it = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if has_it else "fp32"


def require_working(error: BaseException) -> None:
    """After this error: raise WorkerBroken if the device does nothing more for this process.

    An illegal access, a failed assertion on the GPU or an uncorrectable memory error stays with a
    process, and fails whatever it does next. So the device is asked for something easy.
    """
    if not isinstance(error, RuntimeError) or device().type != "cuda":
        return
    try:
        torch.ones(1, device=device()).sum().item()
    except RuntimeError as broken:
        if is_out_of_memory(broken):
            return
        raise WorkerBroken(
            f"The GPU ({device()}) is of no more use to this process, which ends "
            f"({type(error).__name__}: {_first_line(error)})."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or this machine, has no memory left."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # As said by the processor's allocator, by CUDA, and by its libraries.
    texts = ("allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)


def release_memory() -> None:
    """Give back what torch keeps of the device's memory for later."""
    if device().type == "cuda":
        torch.cuda.empty_cache()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
