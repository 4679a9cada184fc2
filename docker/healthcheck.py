"""Whether the process of this container works: for HEALTHCHECK, by the standard library alone.

``web`` asks the site itself. ``process`` looks at the sign of life that every worker and beat
renews (readerstudy/monitoring).
"""

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ADDRESS = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/readyz"
SIGN = Path("/tmp/readerstudy-alive")  # noqa: S108 (in a container, whose /tmp is its own)
SECONDS = 120  # without a sign, of a process that gives one every 15


def web() -> str:
    """What the site says of itself; empty where it is ready."""
    try:
        with urllib.request.urlopen(ADDRESS, timeout=8):
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError as error:
        return str(error)


def process() -> str:
    """Why the process counts as dead; empty where it lives."""
    try:
        age = time.time() - SIGN.stat().st_mtime
    except FileNotFoundError:
        return "it has given no sign of life yet"
    return f"it has given no sign of life for {age:.0f} seconds" if age > SECONDS else ""


if __name__ == "__main__":
    problem = {"web": web, "process": process}[sys.argv[1]]()
    sys.exit(problem or 0)
