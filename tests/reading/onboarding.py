"""Studies that ask something before the first case, and readers who do it."""

from django.test import Client

from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, onboarding
from readerstudy.reading.models import Reader
from readerstudy.reading.onboarding import OnboardingStep
from readerstudy.reading.onboarding_forms import STEPS
from tests import factories
from tests.rules.walk import diagnosis

EVERYTHING = {"information": "What it is.\n\n<b>Why</b>.", "asks_profile": True,
              "checks_display": True}  # fmt: skip
PROFILE = {"years_of_ultrasound": 9, "years_of_neck_ultrasound": 4, "neck_scans_a_week": 30,
           "ai_use": "tried"}  # fmt: skip
ALL_SEEN = {"dark": "yes", "bright": "yes", "steps": STEPS}
SCREEN = {"screen_width": 1920, "screen_height": 1080, "window_width": 1900, "window_height": 900,
          "pixel_ratio": 1.25, "colour_depth": 24, "browser": "A browser 1.0"}  # fmt: skip
DOORS = ("/read/study/{code}/bus.png", "/read/study/{code}/cdfi.png", "/api/v1/study/case/",
         "/api/v1/study/upcoming/")  # fmt: skip


def make_open(slug: str = "study", *, practice: int = 0, **fields):
    study = factories.make_draft(slug, **{"cases": 2} | fields)
    factories.make_practice(study, cases=practice)
    lifecycle.open_study(study, by="test")
    study.refresh_from_db()
    return study


def reader_of(username: str = "anna", slug: str = "study") -> Reader:
    return Reader.objects.select_related("study__protocol", "user").get(
        user__username=username, study__slug=slug
    )


def step_of(client: Client) -> OnboardingStep | None:
    return onboarding.next_step(reader_of(), client.session.session_key)


def send(client: Client, step: str, data: dict, slug: str = "study"):
    return client.post(f"/read/{slug}/before/{step}/", data)


def prepare(client: Client, slug: str = "study") -> None:
    """Everything up to practice."""
    for step, data in (("consent", {"consent": "on"}), ("profile", PROFILE), ("display", ALL_SEEN)):
        assert send(client, step, data, slug).status_code == 302


def practise(client: Client, number: int, etiology=Etiology.LYMPHOMA):
    return send(client, f"practice/{number}", diagnosis(etiology))
