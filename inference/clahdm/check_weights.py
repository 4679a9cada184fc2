"""Load and run a weights file once, in a process of its own, before anyone trusts it.

``python -m inference.clahdm.check_weights FILE`` prints one line of JSON: the file's SHA-256 and
its model card. A file that is not what it claims to be ends it with status 2 and the reason on
standard error. The caller bounds the time; this process bounds its own memory and what it may
write.
"""

import json
import sys
from dataclasses import asdict

from inference.clahdm.weights_card import WeightsError

REFUSED = 2
MEMORY_BYTES = 16 * 2**30
FILE_BYTES = 2**20  # torch tries out the temporary folder; nothing of use fits


def main(path: str) -> int:
    """Check one file; the exit status."""
    _confine()
    import torch  # after the limits are set: nothing escapes them

    from inference.clahdm import weights
    from inference.clahdm.predict import NonFiniteError, predict

    try:
        loaded = weights.load(path)
        size = loaded.model.input_size
        predict(loaded.model, *torch.ones(2, 1, 3, size, size))  # what loads may still not run
    except (WeightsError, NonFiniteError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    print(json.dumps({"sha256": loaded.sha256, "card": asdict(loaded.card)}))
    return 0


def _confine() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
