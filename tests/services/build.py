"""Build studies as standard input describes them (JSON), by the product's own commands.

It runs in a process of its own with a site's environment, so that all it makes is in that
site's database: see ``Site.build``.
"""

import json
import sys
from pathlib import Path

import django
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

PASSWORD = "a long enough password"
MODEL = ("CLA-HDM", "test")


def build(sketch: dict) -> None:
    """Users, the untrained tiny model and the studies, in that order."""
    from inference.models import ModelVersion

    if not sketch["migrated"]:
        call_command("migrate", verbosity=0)
    _make_users(sketch)
    if not ModelVersion.objects.exists():
        call_command("add_model", *MODEL, untrained="tiny", verbosity=0)
    for study in sketch["studies"]:
        _make_study(study)
    if any("open" in study["steps"] for study in sketch["studies"]):
        call_command("infer")
    for study in sketch["studies"]:
        for step in study["steps"]:
            call_command("study", study["slug"], step)


def _make_users(sketch: dict) -> None:
    from readerstudy.accounts.models import User

    password = make_password(PASSWORD)
    names = {
        name: False
        for study in sketch["studies"]
        for name in (*study["readers"], *study["investigators"])
    }
    for name, staff in (names | dict.fromkeys(sketch["admins"], True)).items():
        User.objects.get_or_create(
            username=name,
            defaults={"password": password, "is_staff": staff, "is_superuser": staff},
        )


def _make_study(sketch: dict) -> None:
    from inference.models import ModelVersion, StudyModel
    from readerstudy.accounts.models import User
    from readerstudy.reading import lifecycle
    from readerstudy.reading.models import Reader
    from readerstudy.studies.models import Cohort, Membership, Protocol, Study
    from readerstudy.studies.review.approval import approve, images_with_reviews

    study = Study.objects.create(slug=sketch["slug"], title=sketch["title"])
    asked = {"plan_before_opening": False} | sketch["protocol"]
    Protocol.objects.create(study=study, design=sketch["design"], seed=7, **asked)
    StudyModel.objects.create(study=study, model_version=ModelVersion.objects.get())
    Cohort.objects.create(study=study, name="hidden-cohort", hospital="hidden hospital")
    for number, name in enumerate(sketch["readers"], start=1):
        user = User.objects.get(username=name)
        group = list(Reader.Group)[(number - 1) % len(Reader.Group)]
        Reader.objects.create(
            study=study, user=user, code=f"R{number}", years_of_experience=9, group=group
        )
    for name in sketch["investigators"]:
        Membership.objects.create(study=study, user=User.objects.get(username=name))
    if sketch["source"]:
        call_command("import_cohort", study.slug, "hidden-cohort", Path(sketch["source"]))
    if sketch["practice"]:
        Cohort.objects.create(study=study, name="hidden-practice", role=Cohort.Role.PRACTICE)
        call_command("import_cohort", study.slug, "hidden-practice", Path(sketch["practice"]))
    if sketch["looked_at"]:
        approve(
            dict(images_with_reviews(study).values_list("pk", "sha256")), study=study, by="test"
        )
    if "open" in sketch["steps"]:
        lifecycle.queue_model(study)


if __name__ == "__main__":
    django.setup()
    build(json.load(sys.stdin))
