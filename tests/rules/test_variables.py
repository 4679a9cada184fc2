"""The table of variables in docs/admin.md is what the settings read, neither more nor less."""

import re
from pathlib import Path

from readerstudy import settings

ADMIN = Path(settings.BASE_DIR, "docs/admin.md").read_text(encoding="utf-8")


def documented() -> list[str]:
    table = ADMIN.partition("| variable | meaning | default |\n")[2].partition("\n\n")[0]
    return [
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]


def test_every_variable_that_is_read_is_in_the_table_once_and_no_other():
    read = sorted(settings.env.dump())
    assert len(read) > 30
    assert sorted(documented()) == read


def test_no_other_variable_is_spoken_of():
    named = set(
        re.findall(r"`((?:READERSTUDY|INFERENCE|ANALYSIS|IMPORT|EMAIL|LOG)_[A-Z_]+)\b", ADMIN)
    )
    assert named <= set(documented())
