"""Code of others is what static/vendor/README.md says, and asks for nothing that is not there."""

import hashlib
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
SCRIPTS = sorted(VENDOR.rglob("*.min.js"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_as_recorded_with_its_licence(script):
    content = script.read_bytes()
    [recorded] = re.findall(
        rf"`{re.escape(script.name)}` \| `([0-9a-f]{{64}})`", (VENDOR / "README.md").read_text()
    )
    assert hashlib.sha256(content).hexdigest() == recorded
    assert b"sourceMappingURL" not in content
    for name in ("LICENSE", "NOTICE"):
        assert (script.parent / name).stat().st_size > 0


def test_the_charts_load_what_is_there():
    text = (VENDOR.parent / "analysis" / "charts.js").read_text()
    [library] = re.findall(r'LIBRARY = "\.\./vendor/(.+)"', text)
    assert VENDOR / library in SCRIPTS
