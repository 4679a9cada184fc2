"""SQLite alters a table by building it anew, but not while another table's trigger names it."""

import pytest
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import OperationalError, connection, models

from readerstudy.audit.append_only import guarded_models
from readerstudy.studies.models import Study

pytestmark = pytest.mark.django_db(transaction=True)
DATABASE = dict(verbosity=0, interactive=False, db="default")


def _triggers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}


def _rebuild_studies() -> None:
    title = Study._meta.get_field("title")
    longer = models.CharField(max_length=title.max_length + 1)
    longer.set_attributes_from_name("title")
    with connection.schema_editor() as editor:
        editor.alter_field(Study, title, longer)
        editor.alter_field(Study, longer, title)


def test_a_migration_may_rebuild_a_table_that_guards_name():
    emit_pre_migrate_signal(**DATABASE)
    assert not _triggers()
    _rebuild_studies()
    emit_post_migrate_signal(**DATABASE)
    assert len(_triggers()) == sum(len(guard.verbs) for guard in guarded_models().values())


def test_it_may_not_while_the_guards_stand():
    with pytest.raises(OperationalError, match="no such table"):
        _rebuild_studies()
