"""Loading the published study goes no further where its name is taken. What it loads is tested
where it is analysed (tests/analysis/test_published_study.py)."""

import pytest
from django.core.management import CommandError, call_command

from readerstudy.demo import published_study
from readerstudy.demo.published import compare, count_from_cases, tally
from readerstudy.studies.models import Cohort, Study


@pytest.mark.django_db
def test_another_study_of_that_name_is_left_alone():
    other = Study.objects.create(slug=published_study.SLUG, title="Somebody's")
    with pytest.raises(published_study.NotOurs):
        published_study.build()
    with pytest.raises(CommandError, match="Nothing was loaded"):
        call_command("load_published_study")
    assert not Cohort.objects.exists()
    assert Study.objects.get() == other


def test_the_summary_has_a_line_for_each_kind_of_figure(rebuilt):
    assert tally(compare(count_from_cases(rebuilt))) == (
        "Table 1, areas: 12 of 12 met",
        "Table 1, percentages: 33 of 36 met; 1 off by one unit of the last digit; 2 not met",
        "Table 2, percentages: 104 of 108 met; 4 off by one unit of the last digit",
        "Table 2, marks of significance: 104 of 108 met; 4 not met",
        "Table 3, percentages: 51 of 54 met; 2 off by one unit of the last digit; 1 not met",
        "Table 3, p-values: 7 of 15 met; 8 not met",
    )
