"""A study moves from draft to open to locked to unblinded to archived, forward only but for a
pause."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from readerstudy.audit.models import AuditEvent
from readerstudy.imaging import ImportRefused
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.models import Assignment, Reader
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import (
    Case,
    Study,
)
from tests import factories
from tests.rules.life import STEPS, WAY, bring
from tests.rules.walk import open_form, read, sign_in
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
TO = {"open": "open", "pause": "paused", "resume": "open", "lock": "locked",
      "unblind": "unblinded", "archive": "archived"}  # fmt: skip
POSSIBLE = {("draft", "open"), ("open", "pause"), ("open", "lock"), ("paused", "resume"),
            ("paused", "lock"), ("locked", "unblind"), ("unblinded", "archive")}  # fmt: skip


@shared
def draft():
    return factories.make_draft(cases=3)


@pytest.mark.parametrize("state", WAY)
@pytest.mark.parametrize("step", STEPS)
def test_each_state_takes_its_own_steps_alone(step, state, draft):
    bring(draft, state)
    events = AuditEvent.objects.count()
    if (state, step) in POSSIBLE:
        STEPS[step](draft, by="test", reason="because")
        assert Study.objects.get().state == TO[step]
        event = AuditEvent.objects.first()
        assert (event.action, event.actor) == (f"study.{step}", "test")
        assert event.detail["before"] == {"state": state}
        assert event.detail["after"] == {"state": TO[step]}
        assert event.detail["reason"] == "because"
    else:
        with pytest.raises(lifecycle.StepNotPossible):
            STEPS[step](draft, by="test")
        assert Study.objects.get().state == state
        assert AuditEvent.objects.count() == events
    assert Assignment.objects.count() in (0, 12)


# Designs.


def places(reader) -> list[tuple[int, int]]:
    """(stage, position) in the order in which the cases come up."""
    seen = []
    reader = Reader.objects.select_related("study__protocol").get(pk=reader.pk)
    while assignment := sequence.current_assignment(reader):
        seen.append((assignment.stage, assignment.position))
        factories.read_next(reader)
    return seen


def test_two_sessions_read_all_of_stage_1_first():
    study = factories.make_open(cases=3)
    assert places(study.reader_set.first()) == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


def test_sequential_reads_both_stages_of_a_case_together():
    study = factories.make_open(cases=3, design="sequential")
    reader = study.reader_set.first()
    assert places(reader) == [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (2, 3)]
    pairs = Assignment.objects.filter(reader=reader).order_by("position", "stage")
    cases = [a.case_id for a in pairs]
    assert cases[::2] == cases[1::2]


def test_the_washout_is_kept_by_each_reader(monkeypatch):
    factories.make_open(cases=2, washout_days=28)
    anna, boris = (sign_in(name) for name in ("anna", "boris"))
    for _ in range(2):
        read(anna)
    page = anna.get("/read/study/").content.decode()
    assert "Stage 1 is complete" in page
    assert anna.get("/api/v1/study/case/").json()["case"] is None
    assert open_form(boris)  # nobody waits for another
    aided = Assignment.objects.get(reader__user__username="anna", stage=2, position=1)
    for url in (f"/read/study/{aided.code}/bus.png", f"/read/study/{aided.code}/heatmap/1/bus.png"):
        assert anna.get(url).status_code == 403
    assert anna.post(f"/read/study/{aided.code}/", {}).status_code == 403
    later = timezone.now() + timedelta(days=28, seconds=1)
    monkeypatch.setattr("readerstudy.reading.sequence.timezone", SimpleNamespace(now=lambda: later))
    assert open_form(anna).code == aided.code


def test_a_washout_still_runs_a_second_before_its_end(monkeypatch):
    study = factories.make_open(cases=1, washout_days=1, readers=("anna",))
    last = factories.read_next(study.reader_set.get()).submitted_at
    for seconds, reads in ((-1, False), (1, True)):
        now = last + timedelta(days=1, seconds=seconds)
        clock = SimpleNamespace(now=lambda now=now: now)
        monkeypatch.setattr("readerstudy.reading.sequence.timezone", clock)
        reader = Reader.objects.select_related("study__protocol").get()
        assert bool(sequence.current_assignment(reader)) is reads


@pytest.mark.parametrize("state", ["draft", "draft without protocol", "locked", "unblinded"])
def test_a_reader_of_a_study_that_is_not_open_is_told_so(state):
    study = factories.make_draft(cases=1)
    if state == "draft without protocol":
        study.protocol.delete()
    if not state.startswith("draft"):
        lifecycle.open_study(study, by="test")
        lifecycle.lock_study(study, by="test")
    if state == "unblinded":
        lifecycle.unblind_study(study, by="test")
    anna = sign_in("anna", raise_request_exception=False)
    response = anna.get("/read/study/")
    assert response.status_code == 200
    assert "not accept readings" in response.content.decode()
    answer = anna.get("/api/v1/study/case/")
    assert answer.status_code == 200
    assert answer.json()["case"] is None
    assert anna.get("/").status_code == 200


# Cases come in only before the opening.


@pytest.fixture
def source(tmp_path):
    """A folder with one case to import."""
    folder = tmp_path / "source"
    folder.mkdir()
    row = {
        "case_id": "imported", "bus_file": "b.png", "cdfi_file": "c.png", "sex": "male",
        "age": "50", "diameter_mm": "12", "location": "left", "neck_level": "II",
        "pathologic_method": "needle_biopsy", "etiology": "lymphoma", "instrument": "x",
    }  # fmt: skip
    text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    (folder / "manifest.csv").write_text(text)
    for name in ("b.png", "c.png"):
        (folder / name).write_bytes(factories.random_png((64, 64)))
    return folder


def test_a_draft_takes_cases(source, draft):
    assert import_cohort(cohort=draft.cohort_set.first(), source=source, by="test") == 1


@pytest.mark.parametrize("state", [state for state in WAY if state != "draft"])
def test_no_case_comes_into_a_study_under_way(state, source, draft, media_root):
    bring(draft, state)
    files = set(media_root.rglob("*"))
    with pytest.raises(ImportRefused, match="only a draft accepts cases"):
        import_cohort(cohort=draft.cohort_set.first(), source=source, by="test")
    assert Case.objects.count() == 3
    assert set(media_root.rglob("*")) == files
