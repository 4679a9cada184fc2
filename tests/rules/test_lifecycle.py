"""A study moves from draft to open to locked to unblinded to archived, forward only but for a
pause; opening draws and stores every order and freezes the protocol; results stay sealed."""

import hashlib
import json
import re
from datetime import timedelta
from fractions import Fraction
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from inference import queue
from inference.models import Heatmap, InferenceJob, Prediction, StudyModel
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.importer import import_cohort
from readerstudy.cohorts.ingest import ImportRefused
from readerstudy.cohorts.models import (
    Case,
    Cohort,
    Image,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.models import Assignment, Reader, Reading, ReadingOrder
from tests import factories
from tests.rules.walk import open_form, read, sign_in

pytestmark = pytest.mark.django_db
DESIGNS = pytest.mark.parametrize("design", ["two_session", "sequential"])


# What keeps a study from opening.


def no_protocol(study):
    Protocol.objects.filter(study=study).delete()


def no_case(study):
    for model, path in ((Heatmap, "prediction__case"), (Prediction, "case")):
        assert model.objects.filter(**{f"{path}__cohort__study": study}).exists()
    Cohort.objects.filter(study=study).update(role=Cohort.Role.TRAINING)


def no_image(study):
    factories.remove_images(Image.objects.filter(case__cohort__study=study))


def no_bus_image(study):
    case = Case.objects.filter(cohort__study=study).first()
    factories.remove_images(Image.objects.filter(case=case, modality="bus"))


def no_cdfi_image(study):
    case = Case.objects.filter(cohort__study=study).first()
    factories.remove_images(Image.objects.filter(case=case, modality="cdfi"))


def no_truth(study):
    ReferenceStandard.objects.filter(case=Case.objects.filter(cohort__study=study).first()).delete()


def no_reader(study):
    Reader.objects.filter(study=study).delete()


def staff_reader(study):
    User.objects.filter(username="anna").update(is_staff=True)


def superuser_reader(study):
    User.objects.filter(username="anna").update(is_superuser=True)


def investigating_reader(study):
    factories.make_member(study, "anna", "investigator")


def data_managing_reader(study):
    factories.make_member(study, "anna", "data_manager")


def auditing_reader(study):
    factories.make_member(study, "anna", "auditor")


def no_model(study):
    StudyModel.objects.filter(study=study).delete()


def other_model(study):
    StudyModel.objects.filter(study=study).update(model_version=factories.make_model())


def failed_job(study):
    other_model(study)
    chosen = StudyModel.objects.get(study=study).model_version
    queue.enqueue(cases=Case.objects.filter(cohort__study=study), model_version=chosen)
    InferenceJob.objects.update(state="failed", reason="SOME-REASON")


def unpredicted_case(study):
    cohort = study.cohort_set.first()
    factories.make_case(cohort, "late", Etiology.LYMPHOMA)


REASONS = {
    no_protocol: "no protocol",
    no_case: "No testing cohort has a case",
    no_image: "3 cases lack an image",
    no_bus_image: "1 cases lack an image",
    no_cdfi_image: "1 cases lack an image",
    no_truth: "1 cases have no reference standard",
    no_reader: "no reader",
    staff_reader: "must not have a way to the truth",
    superuser_reader: "must not have a way to the truth",
    investigating_reader: "must not have a way to the truth",
    data_managing_reader: "must not have a way to the truth",
    auditing_reader: "must not have a way to the truth",
    no_model: "No model version",
    other_model: "3 cases have no model result yet",
    failed_job: "SOME-REASON",
    unpredicted_case: "1 cases have no model result yet",
}


@pytest.fixture
def draft():
    return factories.make_draft(cases=3)


@pytest.mark.parametrize("fault", REASONS, ids=lambda fault: fault.__name__)
def test_a_study_that_lacks_something_stays_a_draft(fault, draft):
    fault(draft)
    draft = Study.objects.get(pk=draft.pk)
    with pytest.raises(lifecycle.NotPossible, match=REASONS[fault]):
        lifecycle.open_study(draft, by="test")
    draft.refresh_from_db()
    assert (draft.state, draft.opened_at) == ("draft", None)
    assert not Assignment.objects.exists()
    assert not ReadingOrder.objects.exists()
    assert not Protocol.objects.filter(frozen_at__isnull=False).exists()


def test_all_reasons_are_told_at_once(draft):
    for fault in (no_protocol, no_truth, staff_reader, other_model):
        fault(draft)
    with pytest.raises(lifecycle.NotPossible) as refusal:
        lifecycle.open_study(draft, by="test")
    assert len(refusal.value.reasons) == 4


def test_a_result_for_other_images_is_no_result(draft):
    """A case whose image was replaced must be run anew before readers see a heatmap over it."""
    image = Image.objects.filter(case__cohort__study=draft).first()
    Image.objects.filter(pk=image.pk).update(sha256="0" * 64)
    with pytest.raises(lifecycle.NotPossible, match="1 cases have no model result"):
        lifecycle.open_study(draft, by="test")


# The draw.


def by_hand(seed, reader, stage, cases, stratify):
    """sha256-sort-v1 as its description says, written anew: cases are (cohort, case id)."""

    def number(text):
        return int(hashlib.sha256(text.encode("utf-8")).hexdigest(), 16)

    def text(case):
        return "|".join([str(seed), reader, str(stage), case[0], case[1]])

    if not stratify:
        return sorted(cases, key=lambda case: number(text(case)))
    spread = []
    for cohort in {case[0] for case in cases}:
        own = sorted((c for c in cases if c[0] == cohort), key=lambda case: number(text(case)))
        for i, case in enumerate(own):
            u = Fraction(number(text(case) + "|place"), 2**256)
            spread.append(((i + u) / len(own), case))
    return [case for _, case in sorted(spread)]


@pytest.mark.parametrize("stratify", [False, True])
@DESIGNS
def test_anyone_with_the_seed_can_redo_the_draw(design, stratify):
    study = factories.make_open(cases=11, design=design, stratify_by_cohort=stratify)
    cases = list(Case.objects.filter(cohort__study=study).values_list("cohort__name", "case_id"))
    for order in ReadingOrder.objects.select_related("reader"):
        assert order.algorithm == "sha256-sort-v1"
        stage = 1 if design == "sequential" else order.stage
        expected = by_hand(order.seed, order.reader.code, stage, cases, stratify)
        stored = list(
            Assignment.objects.filter(reader=order.reader, stage=order.stage)
            .order_by("position")
            .values_list("case__cohort__name", "case__case_id")
        )
        assert stored == expected
        digest = hashlib.sha256("\n".join("|".join(case) for case in expected).encode())
        assert order.order_sha256 == digest.hexdigest()
        assert order.stratification == {
            "by_cohort": stratify,
            "cohorts": {"SECRET-COHORT-A": 6, "SECRET-COHORT-B": 5},
        }


@DESIGNS
def test_every_reader_reads_every_testing_case_once_a_stage(design):
    study = factories.make_draft(cases=5, design=design)
    training = Cohort.objects.create(study=study, name="training", role=Cohort.Role.TRAINING)
    factories.make_case(training, "not-read", Etiology.LYMPHOMA)
    lifecycle.open_study(study, by="test")
    for reader in study.reader_set.all():
        for stage in (1, 2):
            own = Assignment.objects.filter(reader=reader, stage=stage).order_by("position")
            assert [a.position for a in own] == [1, 2, 3, 4, 5]
            assert len({a.case_id for a in own}) == 5
            assert "not-read" not in {a.case.case_id for a in own}


def test_orders_differ_between_readers_and_sessions():
    factories.make_open(cases=12, readers=("anna", "boris", "carla"))
    digests = ReadingOrder.objects.values_list("order_sha256", flat=True)
    assert len(set(digests)) == 6


def test_codes_are_of_one_use():
    factories.make_open(cases=6)
    codes = list(Assignment.objects.values_list("code", flat=True))
    assert len(set(codes)) == len(codes) == 24
    assert all(len(code) == 16 for code in codes)


@DESIGNS
def test_opening_freezes_the_protocol_under_its_hash(design):
    study = factories.make_open(cases=4, design=design)
    protocol = study.protocol
    assert protocol.frozen_sha256 == hashlib.sha256(protocol.frozen_document.encode()).hexdigest()
    assert protocol.frozen_at == study.opened_at
    document = json.loads(protocol.frozen_document)
    assert (document["design"], document["seed"]) == (design, 7)
    assert document["model"]["sha256"] == study.studymodel.model_version.sha256
    images = Image.objects.filter(case__cohort__study=study).values_list("sha256", flat=True)
    assert sorted(row[-1] for row in document["images"]) == sorted(images)
    orders = ReadingOrder.objects.values_list("reader__code", "stage", "order_sha256")
    assert sorted(map(tuple, document["orders"])) == sorted(orders)
    event = AuditEvent.objects.get(action="study.open")
    assert len(event.detail.pop("orders")) == len(orders)
    assert event.detail == {
        "before": {"state": "draft"},
        "after": {"state": "open"},
        "protocol": protocol.frozen_sha256,
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Protocol.objects.filter(pk=protocol.pk).update(washout_days=0, seed=8)


# Steps.

STEPS = {
    "open": lifecycle.open_study,
    "pause": lifecycle.pause_study,
    "resume": lifecycle.resume_study,
    "lock": lifecycle.lock_study,
    "unblind": lifecycle.unblind_study,
    "archive": lifecycle.archive_study,
}
TO = {"open": "open", "pause": "paused", "resume": "open", "lock": "locked",
      "unblind": "unblinded", "archive": "archived"}  # fmt: skip
WAY = {"draft": [], "open": ["open"], "paused": ["open", "pause"], "locked": ["open", "lock"],
       "unblinded": ["open", "lock", "unblind"],
       "archived": ["open", "lock", "unblind", "archive"]}  # fmt: skip
POSSIBLE = {("draft", "open"), ("open", "pause"), ("open", "lock"), ("paused", "resume"),
            ("paused", "lock"), ("locked", "unblind"), ("unblinded", "archive")}  # fmt: skip


@pytest.mark.parametrize("state", WAY)
@pytest.mark.parametrize("step", STEPS)
def test_each_state_takes_its_own_steps_alone(step, state, draft):
    for name in WAY[state]:
        STEPS[name](draft, by="test")
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
        with pytest.raises(lifecycle.NotPossible):
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
    assert "takes no readings now" in response.content.decode()
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
    for name in WAY[state]:
        STEPS[name](draft, by="test")
    files = set(media_root.rglob("*"))
    with pytest.raises(ImportRefused, match="only a draft takes cases"):
        import_cohort(cohort=draft.cohort_set.first(), source=source, by="test")
    assert Case.objects.count() == 3
    assert set(media_root.rglob("*")) == files


# Sealed until unblinded.

RUN = "/results/study/runs/1/"
FILES = (
    "metrics.csv", "tests.csv", "results.json", "results.xlsx", "report.pdf", "figures/flow.svg",
    "tables/table1.tex", "data/cases.csv", "data/readings.csv",
)  # fmt: skip
DOWNLOADS = [f"{RUN}{name}" for name in FILES]


@pytest.mark.parametrize("state", ["draft", "open", "paused", "locked"])
@pytest.mark.parametrize("url", [RUN, *DOWNLOADS])
def test_results_are_sealed_before_the_unblinding(url, state, draft):
    for name in WAY[state]:
        STEPS[name](draft, by="test")
        if name == "open":
            factories.read_all(draft)
    factories.make_investigator(draft)
    ivan = sign_in("ivan")
    response = ivan.get(url)
    assert response.status_code == 403
    assert "sealed" in response.content.decode()
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == ("results.sealed", "ivan", "refused")
    page = ivan.get("/results/study/").content.decode()
    assert "Results are sealed" in page
    assert "%" not in page


def test_progress_before_the_unblinding_tells_nothing_of_the_answers(draft):
    """The page is the same whatever the readers said and whatever is true."""
    pages = []
    for slug, answer in (("aaaa", Etiology.LYMPHOMA), ("bbbb", Etiology.REACTIVE)):
        study = factories.make_open(slug, cases=3)
        factories.read_all(study, etiology=answer)
        user = factories.make_investigator(study)
        page = sign_in(user.username).get(f"/results/{slug}/").content.decode()
        pages.append(_tokenless(page).replace(slug, "SLUG"))
    assert pages[0] == pages[1]


def _tokenless(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrfmiddlewaretoken" not in line)


def test_results_open_with_the_unblinding(draft):
    lifecycle.open_study(draft, by="test")
    factories.read_all(draft)
    factories.finish(draft)
    factories.make_investigator(draft)
    ivan = sign_in("ivan")
    page = ivan.get("/results/study/").content.decode()
    assert "no analysis was run yet" in page
    assert ivan.get(RUN).status_code == 404
    factories.analyse(draft)
    for url in ["/results/study/", RUN, *DOWNLOADS]:
        assert ivan.get(url).status_code == 200
    assert AuditEvent.objects.filter(action="results.view", actor="ivan").count() == 1
    assert AuditEvent.objects.filter(action="results.download", actor="ivan").count() == len(
        DOWNLOADS
    )


@pytest.mark.parametrize("read_cases", [0, 1, 4])
def test_a_study_that_was_locked_early_still_has_its_page(read_cases, draft):
    lifecycle.open_study(draft, by="test")
    for _ in range(read_cases):
        factories.read_next(draft.reader_set.first())
    factories.finish(draft)
    factories.make_investigator(draft)
    assert factories.analyse(draft).state == "done"
    for url in ["/results/study/", RUN, *DOWNLOADS]:
        assert sign_in("ivan").get(url).status_code == 200


# The admin.


@pytest.fixture
def admin() -> Client:
    factories.make_user("admin", is_staff=True, is_superuser=True)
    return sign_in("admin")


@pytest.fixture
def reading(draft) -> Reading:
    lifecycle.open_study(draft, by="test")
    return factories.read_next(draft.reader_set.first(), Etiology.LYMPHOMA)


@pytest.mark.parametrize("page", ["", "{pk}/change/", "{pk}/history/"])
def test_the_admin_sees_diagnoses_only_after_the_unblinding(page, admin, draft, reading):
    url = "/admin/reading/reading/" + page.format(pk=reading.pk)
    shown = "lymphoma" in admin.get(url).content.decode().lower()
    assert not shown
    factories.finish(draft)
    if "history" not in page:
        assert "lymphoma" in admin.get(url).content.decode().lower()


SIEVES = ["malignancy=malignant", "malignancy__exact=malignant", "etiology__startswith=lym",
          "etiology__in=lymphoma", "etiology__contains=o", "malignancy__gt=c", "q=lymphoma",
          "o=4.5", "assignment__case__referencestandard__etiology=lymphoma"]  # fmt: skip


@pytest.mark.parametrize("query", SIEVES)
def test_a_filter_in_the_address_does_not_unseal_a_diagnosis(query, admin, draft, reading):
    """Which rows remain must not depend on what was diagnosed."""
    counts = []
    for answer in ("is", "is not"):
        if answer == "is not":
            factories.read_next(draft.reader_set.last(), Etiology.REACTIVE)
        response = admin.get(f"/admin/reading/reading/?{query}")
        rows = response.content.decode().count('class="field-started_at') if (
            response.status_code == 200
        ) else 0  # fmt: skip
        counts.append(rows)
    # Either refused, or ignored: one row more for one reading more.
    assert counts in ([0, 0], [1, 2])


@pytest.mark.parametrize("model", ["assignment", "readingorder", "reader"])
@pytest.mark.parametrize("query", ["reading__etiology=lymphoma", "assignment__reading__etiology=x"])
def test_nor_does_one_on_another_page(model, query, admin, reading):
    response = admin.get(f"/admin/reading/{model}/?{query}")
    assert response.status_code in (302, 400)


@pytest.mark.parametrize("page", ["add/", "{pk}/change/", "{pk}/delete/"])
def test_the_admin_changes_no_reading(page, admin, reading):
    url = "/admin/reading/reading/" + page.format(pk=reading.pk)
    assert admin.post(url, {"etiology": "reactive_hyperplasia", "post": "yes"}).status_code == 403
    admin.post(
        "/admin/reading/reading/",
        {"action": "delete_selected", "_selected_action": [reading.pk], "post": "yes"},
    )
    assert Reading.objects.get().etiology == "lymphoma"


def test_the_admin_adds_no_reader_to_a_study_under_way(admin, draft):
    """Refused in plain words, not by a page that says that something failed."""
    late = factories.make_user("late")
    lifecycle.open_study(draft, by="test")
    admin.raise_request_exception = False
    form = {"study": draft.pk, "user": late.pk, "code": "R9", "years_of_experience": 3,
            "group": "junior"}  # fmt: skip
    response = admin.post("/admin/reading/reader/add/", form)
    assert response.status_code in (200, 403)
    assert Reader.objects.count() == 2


def test_the_admin_adds_no_cohort_to_a_study_under_way(admin, draft):
    lifecycle.open_study(draft, by="test")
    admin.raise_request_exception = False
    form = {"study": draft.pk, "name": "late", "role": "internal_testing", "hospital": ""}
    response = admin.post("/admin/cohorts/cohort/add/", form)
    assert response.status_code in (200, 403)
    assert Cohort.objects.count() == 2


def test_the_admin_adds_no_case_to_a_study_under_way(admin, draft):
    lifecycle.open_study(draft, by="test")
    admin.raise_request_exception = False
    form = {
        "cohort": draft.cohort_set.first().pk, "case_id": "late", "sex": "male", "age": 5,
        "diameter_mm": 5, "location": "left", "neck_level": "II", "instrument": "x",
        "image_set-TOTAL_FORMS": 0, "image_set-INITIAL_FORMS": 0,
        "referencestandard-TOTAL_FORMS": 0, "referencestandard-INITIAL_FORMS": 0,
    }  # fmt: skip
    response = admin.post("/admin/cohorts/case/add/", form)
    assert response.status_code in (200, 403)
    assert Case.objects.count() == 3


def name_investigator(admin: Client, study: Study, username: str):
    """Send the study's own page back with one more investigator."""
    url = f"/admin/cohorts/study/{study.pk}/change/"
    page = admin.get(url).content.decode()
    form = dict(re.findall(r'name="(\w+-(?:TOTAL|INITIAL)_FORMS)" value="(\d+)"', page))
    user = User.objects.get(username=username)
    form |= {"title": study.title, "membership_set-TOTAL_FORMS": 1,
             "membership_set-0-user": user.pk, "membership_set-0-study": study.pk,
             "membership_set-0-role": "investigator"}  # fmt: skip
    admin.raise_request_exception = False
    return admin.post(url, form)


def test_a_study_under_way_can_still_get_an_investigator(admin, draft):
    lifecycle.open_study(draft, by="test")
    factories.make_user("ivan")
    assert name_investigator(admin, draft, "ivan").status_code == 302
    assert Membership.objects.get().user.username == "ivan"


def test_no_reader_becomes_an_investigator_while_the_study_is_read(admin, draft):
    lifecycle.open_study(draft, by="test")
    assert name_investigator(admin, draft, "anna").status_code == 200
    assert not Membership.objects.exists()
