"""Nothing of a study is forgotten by its bundle, and nothing in the bundle goes unexplained."""

import csv
import io

import pytest
from django.apps import apps
from django.db import models

from readerstudy.exchange.bundles import data_dictionary, study_models
from readerstudy.exchange.bundles.study_models import PEOPLE, RECORDS, TABLES, BundleTable


def test_every_model_of_the_project_is_declared():
    assert study_models.undeclared_models() == []


def test_what_is_left_out_exists_and_has_a_reason():
    for label, reason in study_models.EXCLUDED_MODELS.items():
        assert apps.get_model(label)
        assert reason


def test_a_model_that_is_declared_nowhere_is_found(monkeypatch):
    monkeypatch.setattr(study_models, "TABLES", TABLES[1:])
    assert study_models.undeclared_models() == ["inference.ModelVersion"]


def test_a_table_stands_after_those_that_it_refers_to():
    places = {table.model: place for place, table in enumerate((PEOPLE, *TABLES))}
    for table in TABLES:
        for field in table.references():
            assert places[field.related_model] < places[table.model], f"{table.name}.{field.name}"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_row_comes_in_as_it_went_out(table: BundleTable):
    """Columns that Django would set anew, or that the bundle has no form for, are none of these."""
    for field in table.fields:
        assert not getattr(field, "auto_now", False), field
        assert not getattr(field, "auto_now_add", False), field
        assert not isinstance(field, models.ManyToManyField), field
        if isinstance(field, models.FileField):
            assert "sha256" in {each.name for each in table.fields}, field


def test_every_column_is_described():
    assert data_dictionary.undescribed_columns() == []


def test_a_column_that_nothing_describes_is_found(monkeypatch):
    monkeypatch.delitem(data_dictionary.COLUMN_TEXTS, "cases.sex")
    assert data_dictionary.undescribed_columns() == ["cases.sex"]


def test_every_table_has_a_sentence():
    told = {row[0]: row[5] for row in csv.reader(io.StringIO(data_dictionary.dictionary()))
            if not row[2]}  # fmt: skip
    for table in (PEOPLE, *TABLES, *RECORDS):
        assert len(told[table.name]) > 10
        assert not told[table.name].startswith(f"{table.model.__name__}("), "the docstring lacks"
