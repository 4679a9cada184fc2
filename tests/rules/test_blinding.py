"""A reader sees an opaque code, two images and the baseline: nothing of the truth, of where a case
came from, of another reader, and nothing of the AI before its time.

The first check compares: two studies that differ in everything hidden, and in nothing that a
reader may see, must answer a reader with the same bytes.
"""

import hashlib
import io
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from inference.models import Heatmap, Prediction, StudyModel
from inference.queue import input_digest
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology, Modality
from readerstudy.reading import blinding, lifecycle
from readerstudy.reading.models import Assignment, Reader, Stage
from readerstudy.reading.onboarding import OnboardingStep
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from tests import factories
from tests.rules.walk import CODE, read, sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
DESIGNS = pytest.mark.parametrize("design", ["two_session", "sequential"])
MODALITIES = [modality.value for modality in Modality]

# The same for every case: what is left can differ only by what is hidden.
PICTURES = {modality: factories.random_png() for modality in MODALITIES}
MAP = factories.random_png((7, 7))

HIDDEN = [
    {
        "cohorts": ["Harbin-COHORT", "Beijing-COHORT"],
        "hospital": "First-HOSPITAL",
        "instrument": "Philips-INSTRUMENT",
        "method": "needle_biopsy",
        "truth": list(Etiology),
        "ids": ["HIDDEN-1", "HIDDEN-2"],
        "other_readers": ["HIDDENREADER1"],
        "notes": ["HIDDEN: BUS is overexposed."],
    },
    {
        "cohorts": ["a-COHORT"],
        "hospital": "",
        "instrument": "b-INSTRUMENT",
        "method": "excisional_biopsy",
        "truth": list(reversed(Etiology)),
        "ids": ["z-HIDDEN", "HIDDEN-0"],
        "other_readers": ["HIDDENREADER2", "HIDDENREADER3", "HIDDENREADER4"],
        "notes": [],
    },
]
GIVEAWAYS = ("HIDDEN", "COHORT", "HOSPITAL", "INSTRUMENT", "biopsy", "images/", "cohort",
             "hospital", "instrument", "patholog", "reference", "sha256")  # fmt: skip


def build(
    slug: str, hidden: dict, *, design: str, reader: str, p_malignant: float = 0.8, **before
) -> Study:
    """A study of two cases that look alike; the reader's code is the same in all.

    What is asked ``before`` the first case is the protocol's; practice comes with it.
    """
    study = Study.objects.create(slug=slug, title="A study")
    Protocol.objects.create(study=study, design=design, seed=secrets.randbits(40),
                            plan_before_opening=False, **before)  # fmt: skip
    if before:
        practice = Cohort.objects.create(
            study=study, name=f"practice-{hidden['cohorts'][0]}", hospital=hidden["hospital"],
            role=Cohort.Role.PRACTICE,
        )  # fmt: skip
        for case_id in hidden["ids"]:
            _bare_case(practice, f"practice-{case_id}", Etiology.LYMPHOMA, hidden=hidden)
    model = factories.make_model(name="CLA-HDM")
    StudyModel.objects.create(study=study, model_version=model)
    cohorts = [
        Cohort.objects.create(study=study, name=name, hospital=hidden["hospital"])
        for name in hidden["cohorts"]
    ]
    for case_id, cohort, etiology in zip(
        hidden["ids"], cycle(cohorts), cycle(hidden["truth"]), strict=False
    ):
        _case(cohort, case_id, etiology, hidden=hidden, model=model, p_malignant=p_malignant)
    for number, username in enumerate([reader, *hidden["other_readers"]]):
        Reader.objects.create(
            study=study,
            user=factories.make_user(username if number == 0 else f"{slug}-{username}"),
            code="MYCODE" if number == 0 else username,
            years_of_experience=3 + number,
            group="junior" if number == 0 else "senior",
        )
    factories.approve_images(study)
    lifecycle.open_study(study, by="test")
    return study


def _bare_case(cohort, case_id, etiology, *, hidden) -> Case:
    case = Case.objects.create(
        cohort=cohort, case_id=case_id, sex="male", age=60, diameter_mm=21, location="left",
        neck_level="II", instrument=hidden["instrument"],
    )  # fmt: skip
    ReferenceStandard.objects.create(
        case=case, malignancy=etiology.malignancy, etiology=etiology,
        pathologic_method=hidden["method"],
    )  # fmt: skip
    (settings.MEDIA_ROOT / "images").mkdir(parents=True, exist_ok=True)
    for modality, png in PICTURES.items():
        name = f"images/{secrets.token_hex(16)}.png"
        (settings.MEDIA_ROOT / name).write_bytes(png)
        Image.objects.create(case=case, modality=modality, file=name, width=40, height=32,
                             sha256=_digest(cohort, png))  # fmt: skip
    return case


def _digest(cohort: Cohort, png: bytes) -> str:
    """All images are alike here; a study whose practice has an image of a testing case won't open,
    so that practice's are given another digest."""
    return hashlib.sha256(cohort.role.encode() + png).hexdigest()


def _case(cohort, case_id, etiology, *, hidden, model, p_malignant) -> None:
    case = _bare_case(cohort, case_id, etiology, hidden=hidden)
    prediction = Prediction.objects.create(
        case=case, model_version=model, input_sha256=input_digest(case.image_set.all()),
        p_malignant=p_malignant, p_tuberculous=0.3, p_metastatic=0.6, notes=hidden["notes"],
    )  # fmt: skip
    Heatmap.objects.bulk_create(
        Heatmap(prediction=prediction, level=level, modality=modality, png=MAP)
        for level in (1, 2)
        for modality in MODALITIES
    )


def _guesses(study: Study, reader: Reader, *, all_doors: bool) -> list[str]:
    """Every address that a curious reader may try, the own codes of both stages among them."""
    slug = study.slug
    own = Assignment.objects.filter(reader=reader).order_by("stage", "position")
    others = Assignment.objects.filter(reader__study=study).exclude(reader=reader)
    codes = [a.code for a in own] + [others.first().code, "0" * 16]
    urls = ["/", f"/read/{slug}/", f"/api/v1/{slug}/case/", f"/api/v1/{slug}/upcoming/"]
    urls += [f"/read/{slug}/before/{step}/" for step in OnboardingStep]
    urls += [
        f"/read/{slug}/before/practice/{number}/{part}"
        for number in range(4)
        for part in ("", "bus.png", "cdfi.png")
    ]
    for code in codes:
        one = f"/read/{slug}/{code}"
        urls += [f"{one}/", f"{one}/bus.png", f"{one}/cdfi.png"]
        urls += [f"{one}/heatmap/{level}/{m}.png" for level in (1, 2) for m in MODALITIES]
    if all_doors:
        stored = Image.objects.filter(case__cohort__study=study).first().file
        urls += [
            f"/read/{slug}", f"/api/v1/{slug}/readings/", f"/results/{slug}/", "/healthz",
            f"/results/{slug}/runs/1/", f"/results/{slug}/runs/1/metrics.csv", "/accounts/sign-in/",
            "/admin/", f"/admin/cohorts/study/{study.pk}/change/", "/admin/reading/reading/",
            f"/admin/cohorts/case/?cohort__study={study.pk}", "/media/", f"/media/{stored}",
            f"/static/../var/{slug}", "/static/", "/static/%2e%2e/manage.py", "/no/such/page",
            f"/read/{slug}/{codes[0]}", f"/read/{slug}/{codes[0]}/ct.png",
            f"/read/{slug}/{codes[0]}/heatmap/3/bus.png",
        ]  # fmt: skip
    return urls


def answers(
    client: Client, study: Study, reader: Reader, *, all_doors: bool = False
) -> list[tuple]:
    """What every guess gets, in order, with all that is random by nature named by its kind."""
    return list(each_answer(client, study, reader, all_doors=all_doors))


def each_answer(
    client: Client, study: Study, reader: Reader, *, all_doors: bool = False
) -> Iterator[tuple]:
    """The same, one by one: nothing more is asked once nobody wants to know."""
    for url in _guesses(study, reader, all_doors=all_doors):
        for method in (
            ("get", "head", "options") if url.endswith("case/") or all_doors else ("get",)
        ):
            response = getattr(client, method)(url)
            yield (_neutral(url, study), method, *_seen(response, study))
    form = {"key": "none", "malignancy": "benign"}
    current = re.findall(CODE, client.get(f"/read/{study.slug}/").content.decode())
    for code in current[:1]:
        yield _seen(client.post(f"/read/{study.slug}/{code}/", form), study)


def _seen(response, study: Study) -> tuple:
    body = response.getvalue() if response.streaming else response.content
    headers = "\n".join(f"{k}: {v}" for k, v in sorted(response.items()) if k != "Expires")
    cookies = sorted(response.cookies)
    text = body if body.startswith(b"\x89PNG") else _neutral(body.decode(), study)
    return response.status_code, _neutral(headers, study), cookies, text


def _neutral(text: str, study: Study) -> str:
    text = re.sub(r'(csrfmiddlewaretoken" value=")\w+', r"\1TOKEN", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "KEY", text)
    text = re.sub(r"images/[0-9a-f]{32}", "STORED", text)
    text = re.sub(r"\b[0-9a-f]{16}\b", "CODE", text)
    text = re.sub(r"(/study/|cohort__study=)\d+", r"\1ID", text)  # in what we asked for
    return re.sub(rf"\b{study.slug}\b", "SLUG", text)


def _turn(study: Study, client: Client, reader: Reader):
    """What a reader is answered at each point of the study, from the first case to after it."""
    for place in range(4):
        yield answers(client, study, reader, all_doors=place == 0)
        read(client, study.slug, Etiology.TUBERCULOUS)
    yield answers(client, study, reader, all_doors=True)


@DESIGNS
@pytest.mark.slow("every guess is made at every step of two studies")
def test_nothing_hidden_makes_a_difference_to_what_a_reader_gets(design):
    pairs = []
    for slug, hidden in zip(("aaaa", "bbbb"), HIDDEN, strict=True):
        study = build(slug, hidden, design=design, reader=f"{slug}-me")
        client, reader = sign_in(f"{slug}-me"), Reader.objects.get(user__username=f"{slug}-me")
        pairs.append(_turn(study, client, reader))
    points = 0
    for one, other in zip(*pairs, strict=True):
        assert one == other
        # Headers and body: what was asked for is the reader's own guess, not an answer.
        text = str([(seen[-3], seen[-1]) for seen in one if seen[-1] not in PICTURES.values()])
        found = [word for word in GIVEAWAYS if word in text]
        assert found == []
        points += 1
    assert points == 5


STEPS = (
    ("consent", {"consent": "on"}),
    ("profile", {"years_of_ultrasound": 9, "years_of_neck_ultrasound": 4,
                 "neck_scans_a_week": 30, "ai_use": "tried"}),
    ("display", {"dark": "yes", "bright": "no", "steps": 12}),
    ("practice/1", {"malignancy": "benign", "etiology": Etiology.REACTIVE.value}),
    ("practice/2", {"malignancy": "malignant", "etiology": Etiology.LYMPHOMA.value}),
)  # fmt: skip


@pytest.mark.slow("every guess is made at every step of two studies")
def test_practice_tells_its_answer_and_nothing_else():
    """All that a reader is answered before the first case, in two studies as above: their practice
    cases have one truth, and differ in all else that is hidden, as the testing cases do."""
    asked = {"information": "A text.", "asks_profile": True, "checks_display": True}
    seen = []
    for slug, hidden in zip(("aaaa", "bbbb"), HIDDEN, strict=True):
        me = f"{slug}-me"
        study = build(slug, hidden, design="two_session", reader=me, **asked)
        client, reader = sign_in(me), Reader.objects.get(user__username=me)
        points = [answers(client, study, reader)]
        for step, data in STEPS:
            client.post(f"/read/{slug}/before/{step}/", data)
            points.append(answers(client, study, reader))
        seen.append(points)
    assert seen[0] == seen[1]
    text = str([(got[-3], got[-1]) for points in seen[0] for got in points
                if got[-1] not in PICTURES.values()])  # fmt: skip
    assert "Reference standard (pathology)" in text
    words = set(GIVEAWAYS) - {"patholog"}
    assert [word for word in words if word in text] == []
    # Until the last step is done, none of all these answers was about a case of the study.
    assert [len(_cases_shown(points)) for points in seen[0]] == [0, 0, 0, 0, 0, 1]


def _cases_shown(answered: list[tuple]) -> list[tuple]:
    """The case pages among them."""
    return [got for got in answered if got[0] == "/read/SLUG/" and got[2] == 200]


LEAKS = {
    "database id": lambda case: str(case.pk),
    "cohort": lambda case: case.cohort.name,
    "case id": lambda case: case.case_id,
    "instrument": lambda case: case.instrument,
    "truth": lambda case: case.referencestandard.etiology,
}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_check_above_sees_a_leak(leak, monkeypatch):
    sound = blinding.blinded_case

    def leaking(assignment):
        known = sound(assignment)
        return replace(known, baseline=(*known.baseline, ("Note", LEAKS[leak](assignment.case))))

    monkeypatch.setattr(blinding, "blinded_case", leaking)
    seen = []
    for slug, hidden in zip(("aaaa", "bbbb"), HIDDEN, strict=True):
        study = build(slug, hidden, design="two_session", reader=f"{slug}-me")
        reader = Reader.objects.get(user__username=f"{slug}-me")
        seen.append(each_answer(sign_in(f"{slug}-me"), study, reader))
    assert any(one != other for one, other in zip(*seen, strict=True))  # at the first that differs


@DESIGNS
def test_the_model_makes_no_difference_in_stage_1(design):
    """Case by case: until a case's own stage-1 reading is stored, no answer depends on the AI."""
    seen = []
    for slug, p_malignant in (("aaaa", 0.97), ("bbbb", 0.02)):
        study = build(slug, HIDDEN[0], design=design, reader=f"{slug}-me", p_malignant=p_malignant)
        reader = Reader.objects.get(user__username=f"{slug}-me")
        client = sign_in(f"{slug}-me")
        stage_1 = []
        for _ in range(4):
            page = client.get(f"/read/{slug}/").content.decode()
            if "Stage 1" in page:
                stage_1.append(answers(client, study, reader))
            read(client, slug)
        assert len(stage_1) == 2
        seen.append(stage_1)
    assert seen[0] == seen[1]


def test_in_stage_2_the_model_does_make_a_difference():
    """Without this, the two checks above could be blind themselves."""
    pages = []
    for slug, p_malignant in (("aaaa", 0.97), ("bbbb", 0.02)):
        study = build(slug, HIDDEN[0], design="sequential", reader=f"{slug}-me",
                      p_malignant=p_malignant)  # fmt: skip
        client = sign_in(f"{slug}-me")
        read(client, slug)
        pages.append(_neutral(client.get(f"/read/{slug}/").content.decode(), study))
    assert pages[0] != pages[1]


# The AI's time.


@shared(params=("two_session", "sequential"))
def study(design):
    return factories.make_open(cases=2, design=design)


def heatmaps(code: str) -> list[str]:
    return [f"/read/study/{code}/heatmap/{level}/{m}.png" for level in (1, 2) for m in MODALITIES]


def own(stage: int, case: Case | None = None, username: str = "anna") -> list[str]:
    found = Assignment.objects.filter(reader__user__username=username, stage=stage)
    return [a.code for a in (found.filter(case=case) if case else found).order_by("position")]


def statuses(client: Client, *codes: str) -> set[int]:
    return {client.get(url).status_code for code in codes for url in heatmaps(code)}


def test_ai_output_is_unreachable_before_its_time_and_each_attempt_is_audited(study):
    anna = sign_in("anna")
    anna.get("/read/study/")
    codes = own(Stage.UNAIDED) + own(Stage.AIDED)
    assert statuses(anna, *codes) == {403}
    refused = AuditEvent.objects.filter(outcome="refused", actor="anna", study="study")
    assert refused.count() == len(codes) * 4
    assert set(refused.values_list("action", flat=True)) == {
        "reading.NotRevealed",
        "reading.OutOfOrder",
    }
    api = anna.get("/api/v1/study/case/").json()
    assert api["case"]["aid"] is None
    page = anna.get("/read/study/").content.decode()
    for word in ("heatmap", "CLA-HDM", "probab", "<meter"):
        assert word not in page.lower()


def test_ai_output_is_reachable_in_its_time_for_that_case_alone(study):
    anna = sign_in("anna")
    if study.protocol.design == "two_session":
        read(anna)
    first = read(anna)
    code = re.findall(CODE, anna.get("/read/study/").content.decode())[0]
    assert Assignment.objects.get(code=code).stage == Stage.AIDED
    assert statuses(anna, code) == {200}
    others = {*own(Stage.UNAIDED), *own(Stage.AIDED), first} - {code}
    assert statuses(anna, *others) == {403}
    aid = anna.get("/api/v1/study/case/").json()["case"]["aid"]
    assert aid["suggestion"] == {"malignancy": "malignant", "etiology": "metastatic_carcinoma"}
    assert {anna.get(heatmap["url"]).status_code for heatmap in aid["heatmaps"]} == {200}
    # For nobody else, not even with the address.
    boris = sign_in("boris")
    boris.get("/read/study/")
    assert statuses(boris, code) == {404}
    assert {Client().get(url).status_code for url in heatmaps(code)} == {302}


def test_ai_output_is_gone_once_the_case_is_read(study):
    anna = sign_in("anna")
    for _ in range(4):
        code = read(anna)
        assert statuses(anna, code) == {403}
        assert {anna.get(f"/read/study/{code}/{m}.png").status_code for m in MODALITIES} == {403}
    assert statuses(anna, *own(1), *own(2)) == {403}
    assert "You have read all cases" in anna.get("/read/study/").content.decode()


def test_ai_output_is_gone_once_the_study_is_locked(study):
    anna = sign_in("anna")
    lifecycle.lock_study(study, by="test")
    codes = own(1) + own(2)
    assert statuses(anna, *codes) == {409}
    assert {anna.get(f"/read/study/{code}/bus.png").status_code for code in codes} == {409}


def test_there_is_no_third_level(study):
    anna = sign_in("anna")
    for _ in range(2 if study.protocol.design == "two_session" else 1):
        read(anna)
    code = re.findall(CODE, anna.get("/read/study/").content.decode())[0]
    for level in (0, 3, 10**30):
        response = anna.get(f"/read/study/{code}/heatmap/{level}/bus.png")
        assert response.status_code == 404


def test_images_are_of_the_current_case_and_the_next_alone(study):
    anna = sign_in("anna")
    anna.get("/read/study/")
    two_session = study.protocol.design == "two_session"
    at_hand = own(1) if two_session else [own(1)[0], own(2)[0]]
    for modality in MODALITIES:
        for code in at_hand:
            assert anna.get(f"/read/study/{code}/{modality}.png").status_code == 200
        for code in {*own(1), *own(2)} - {*at_hand}:
            assert anna.get(f"/read/study/{code}/{modality}.png").status_code == 403
        for code in own(1, username="boris"):
            assert anna.get(f"/read/study/{code}/{modality}.png").status_code == 404


def test_an_untrained_model_says_so_wherever_it_shows(monkeypatch):
    monkeypatch.setattr(factories, "make_model", partial(factories.make_model, is_trained=False))
    study = factories.make_draft(cases=1, design="sequential")
    lifecycle.open_study(study, by="test")
    anna = sign_in("anna")
    assert "untrained" not in anna.get("/read/study/").content.decode().lower()
    read(anna)
    assert "Untrained model" in anna.get("/read/study/").content.decode()
    assert anna.get("/api/v1/study/case/").json()["case"]["aid"]["model_is_trained"] is False


# Codes, caches and headers.


def test_codes_tell_no_two_readers_or_stages_that_a_case_is_the_same(study):
    for case in Case.objects.all():
        codes = Assignment.objects.filter(case=case).values_list("code", flat=True)
        assert len(set(codes)) == 4
    known = str(list(Case.objects.values_list("pk", "case_id"))).encode()
    for code in Assignment.objects.values_list("code", flat=True):
        assert re.fullmatch("[0-9a-f]{16}", code)
        assert hashlib.sha256(known).hexdigest()[:16] != code


def test_nothing_behind_the_sign_in_is_kept_by_a_cache(study):
    factories.make_user("admin", is_staff=True, is_superuser=True)
    factories.make_investigator(study)
    anna = sign_in("anna")
    for _ in range(2 if study.protocol.design == "two_session" else 1):
        read(anna)
    code = re.findall(CODE, anna.get("/read/study/").content.decode())[0]
    kept = []
    for client, urls in (
        (anna, ["/", "/read/study/", "/read/study", "/api/v1/study/case/", "/api/v1/study/case",
                f"/read/study/{code}/bus.png", *heatmaps(code), f"/read/study/{code}/",
                "/results/study/", "/admin/", "/none", "/read/none/", "/accounts/sign-in/"]),
        (sign_in("ivan"), ["/", "/results/study/", "/results/study", "/results/study/runs/1/"]),
        (sign_in("admin"), ["/admin/", "/admin/cohorts/case/", "/admin/jsi18n/", "/admin",
                            "/admin/login/"]),
    ):  # fmt: skip
        for url in urls:
            response = client.get(url)
            if "no-store" not in response.get("Cache-Control", ""):
                kept.append((url, response.status_code))
    posted = anna.post(f"/read/study/{code}/", {"key": "x"})
    assert "no-store" in posted["Cache-Control"]
    assert kept == []


def test_an_image_comes_without_name_age_or_validator(study):
    anna = sign_in("anna")
    anna.get("/read/study/")
    response = anna.get(f"/read/study/{own(1)[0]}/bus.png")
    assert response["Content-Disposition"] == "inline"
    for header in ("Last-Modified", "ETag", "Expires", "Content-Location", "Server"):
        assert header not in response
    assert response["X-Content-Type-Options"] == "nosniff"


def chunks(png: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        kinds.append(png[at + 4 : at + 8])
        at += 12 + length
    return kinds


def test_an_imported_image_is_served_without_a_word_of_its_file(tmp_path):
    """From the file on disk, with all that a camera and a person may write into it, to the page."""
    study = factories.make_draft(cases=1, readers=("anna",))
    cohort = Cohort.objects.create(study=study, name="imported", hospital="HIDDEN-HOSPITAL")
    words = PngInfo()
    words.add_text("Comment", "HIDDEN-NAME")
    words.add_itxt("Patient", "HIDDEN-NAME")
    exif = PillowImage.Exif()
    exif[0x010E] = "HIDDEN-NAME"
    picture = PillowImage.open(io.BytesIO(factories.random_png((64, 64))))
    picture.save(tmp_path / "HIDDEN-b.png", pnginfo=words, exif=exif, dpi=(72, 72))
    full = {"subsampling": 0, "quality": 95}  # its colours stay
    picture.save(tmp_path / "HIDDEN-c.jpg", exif=exif, comment=b"HIDDEN-NAME", **full)
    (tmp_path / "manifest.csv").write_text(
        "case_id,bus_file,cdfi_file,sex,age,diameter_mm,location,neck_level,pathologic_method,"
        "etiology,instrument\nHIDDEN-ID,HIDDEN-b.png,HIDDEN-c.jpg,male,50,12,left,II,"
        "needle_biopsy,lymphoma,HIDDEN-INSTRUMENT\n"
    )
    import_cohort(cohort=cohort, source=tmp_path, by="test")
    factories.approve_images(study)
    imported = Case.objects.get(case_id="HIDDEN-ID")
    factories.make_prediction(imported, study.studymodel.model_version)
    lifecycle.open_study(study, by="test")
    anna = sign_in("anna")
    while Assignment.objects.get(code=_current(anna)).case_id != imported.pk:
        read(anna)
    for modality in MODALITIES:
        response = anna.get(f"/read/study/{_current(anna)}/{modality}.png")
        png = response.getvalue()
        assert set(chunks(png)) == {b"IHDR", b"IDAT", b"IEND"}
        assert b"HIDDEN" not in png + str(dict(response.items())).encode()
        assert response["Content-Length"] == str(len(png))


def _current(client: Client) -> str:
    return re.findall(CODE, client.get("/read/study/").content.decode())[0]


def test_a_case_as_a_reader_knows_it_has_these_parts_and_no_other(study):
    """A field that is added to what readers see must be added here too, by someone who thought."""
    assert list(blinding.BlindedCase.__dataclass_fields__) == ["code", "stage", "baseline"]
    case = sign_in("anna").get("/api/v1/study/case/").json()["case"]
    assert set(case) == {"code", "stage", "baseline", "images", "aid"}
    assert list(case["baseline"]) == ["Sex", "Age", "Longitudinal diameter", "Location",
                                      "Neck level"]  # fmt: skip


def test_a_reader_asks_the_database_for_nothing_of_the_truth(study):
    anna = sign_in("anna")
    with CaptureQueriesContext(connection) as queries:
        for _ in range(4):
            anna.get("/")
            anna.get("/api/v1/study/case/")
            read(anna)
    asked = [query["sql"] for query in queries]
    assert "cohorts_case" in " ".join(asked)
    for table in ("referencestandard", "auth_permission"):
        assert table not in " ".join(asked)
    # Of cohorts one thing: whether the study has practice cases that this reader has not read.
    of_cohorts = [sql for sql in asked if "cohorts_cohort" in sql]
    assert of_cohorts
    for sql in of_cohorts:
        [alias] = re.findall(r'"cohorts_cohort" (\w+)', sql)
        assert set(re.findall(rf'\b{alias}\."(\w+)"', sql)) == {"id", "role", "study_id"}
        assert f"{alias}.\"role\" = 'practice'" in sql


def test_an_investigator_of_the_study_is_no_reader_of_it(study):
    Membership.objects.create(study=study, user=factories.make_user("ivan"))
    assert sign_in("ivan").get("/read/study/").status_code == 404


def test_checks_of_the_product_find_no_fault():
    call_command("check", "--fail-level", "WARNING")
