"""The steps of a study's life, and the way to each of its states."""

from readerstudy.reading import lifecycle
from readerstudy.studies.models import Study

STEPS = {
    "open": lifecycle.open_study,
    "pause": lifecycle.pause_study,
    "resume": lifecycle.resume_study,
    "lock": lifecycle.lock_study,
    "unblind": lifecycle.unblind_study,
    "archive": lifecycle.archive_study,
}
WAY = {"draft": [], "open": ["open"], "paused": ["open", "pause"], "locked": ["open", "lock"],
       "unblinded": ["open", "lock", "unblind"],
       "archived": ["open", "lock", "unblind", "archive"]}  # fmt: skip


def bring(study: Study, state: str) -> Study:
    """A draft or an open study, brought to this state."""
    for step in WAY[state][len(WAY[study.state]) :]:
        STEPS[step](study, by="test")
    study.refresh_from_db()
    return study
