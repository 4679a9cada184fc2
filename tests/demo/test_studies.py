"""The demo's studies, built as `make demo` does, of fewer cases."""

from dataclasses import replace

import pytest
from django.core.management import call_command

from analysis.models import AnalysisRun
from analysis.study_alerts import AlertKind, alerts_of
from readerstudy.demo import people, studies
from readerstudy.reading.models import Reading
from readerstudy.reading.reader_activity import activity_of
from readerstudy.studies.models import Cohort

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.rest("phantoms are drawn, the model runs and everything is analysed"),
]


def test_a_finished_study_is_one_that_people_could_have_read(media_root, capsys):
    people.make_people()
    [finished] = [each for each in studies.STUDIES if each.finished]
    demo = replace(finished, cohorts=(("internal", Cohort.Role.INTERNAL, 8),))
    model = studies.phantom_model()
    study = studies.build(demo, model=model)
    assert study.state == "unblinded"
    assert AnalysisRun.objects.get().state == "done"
    assert Reading.objects.count() == 6 * 2 * 8
    kinds = {alert.kind for alert in alerts_of(study, activity_of(study))}
    assert AlertKind.FAST not in kinds
    studies.build(demo, model=model)  # nothing is left to do
    assert (AnalysisRun.objects.count(), Reading.objects.count()) == (1, 6 * 2 * 8)
    call_command("verify_audit")
