"""No column of a study's rows can be changed unseen; or the verdict names it as not looked at."""

import pytest
from django.apps import apps

from readerstudy.audit import row_digests
from readerstudy.reading.models import Trace
from readerstudy.studies.models import Membership, Study
from tests.rules import tampering
from tests.rules.test_evidence import found_after, make_unblinded
from tests.worlds import shared

pytestmark = pytest.mark.django_db
study = shared(make_unblinded)
OURS = ("cohorts", "reading", "inference", "analysis", "audit")


def columns_of_studies() -> list:
    return [
        pytest.param(model, field, id=f"{model.__name__}.{field.name}")
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if not model.__name__.startswith("Historical")  # earlier states of settings
        and model._meta.label not in row_digests.excluded_from_evidence()
        for field in model._meta.concrete_fields
        if f"{model._meta.label}.{field.name}" not in row_digests.excluded_from_evidence()
        if not (model is Membership and field.primary_key)  # nothing refers to it
        if model is not Trace  # whose columns test_tampering.py goes over
    ]


@pytest.mark.parametrize(("model", "field"), columns_of_studies())
def test_every_changed_column_of_every_model_is_found_or_named_as_not_looked_at(
    model, field, study
):
    rows = list(model._base_manager.order_by("pk"))
    row = rows[len(rows) // 2]
    if model is Study and field.name in ("slug", "state"):
        tamper = lambda: Study.objects.filter(pk=row.pk).update(**{field.name: "locked"})  # noqa: E731
    elif model is Study and getattr(row, field.attname) is None:
        tamper = lambda: Study.objects.filter(pk=row.pk).update(**{field.name: row.opened_at})  # noqa: E731
    else:
        tamper = lambda: tampering.change(row, field)  # noqa: E731
    assert found_after(tamper)
