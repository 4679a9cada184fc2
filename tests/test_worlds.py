"""What tests share is as it was built for each of them, whatever another one did with it."""

import pytest
from django.conf import settings

from readerstudy.audit.models import AuditEvent
from readerstudy.studies.models import Image, Study
from tests import factories
from tests.worlds import shared

pytestmark = pytest.mark.django_db
BUILT = []


@shared
def study():
    BUILT.append("study")
    return factories.make_open("one", cases=1)


@shared(params=("two_session", "sequential"))
def designed(design):
    BUILT.append(design)
    return factories.make_open("two", cases=1, design=design)


@pytest.mark.parametrize("visitor", [1, 2])
def test_what_a_test_changes_is_taken_back(visitor, study):
    image = settings.MEDIA_ROOT / Image.objects.first().file.name
    assert (study.title, study.state) == ("Study one", "open")
    assert image.read_bytes()
    events = AuditEvent.objects.count()
    study.title = "another"
    factories.finish(study)
    image.unlink()
    assert AuditEvent.objects.count() > events
    assert BUILT.count("study") == 1


def test_who_asks_for_nothing_finds_nothing():
    assert not Study.objects.exists()
    assert not AuditEvent.objects.exists()
    assert not settings.MEDIA_ROOT.exists()


@pytest.mark.parametrize("visitor", [1, 2])
def test_there_is_one_world_for_each_parameter(visitor, designed):
    assert list(Study.objects.values_list("slug", flat=True)) == ["two"]
    assert designed.protocol.design in BUILT
    assert BUILT.count(designed.protocol.design) == 1


def test_who_asks_for_two_finds_both(study, designed):
    assert Study.objects.count() == 2
    assert {study.slug, designed.slug} == {"one", "two"}
    assert sorted(settings.MEDIA_ROOT.rglob("*.png"))
