"""Events become a chain; those that are there are numbered, chained and sealed as they stand."""

from django.conf import settings
from django.db import migrations, models

BATCH = 1000
APPEND_ONLY = ("update", "delete", "truncate")  # put back after the migration


def chain(apps, schema_editor):
    from readerstudy.audit.chain import digest_of, seal_of

    event_model = apps.get_model("audit", "AuditEvent")
    table = event_model._meta.db_table
    statement = (
        f"UPDATE {table} SET number = %s, previous_sha256 = %s, sha256 = %s, seal = %s "  # noqa: S608
        "WHERE number = %s"
    )
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "postgresql":
            for verb in APPEND_ONLY:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb} ON {table}")
        number, previous, last = 0, "", None
        while events := _next(event_model, last):
            rows = []
            for event in events:
                last, number = event.number, number + 1
                event.number, event.previous_sha256 = number, previous
                previous = digest_of(event)
                seal = seal_of(previous, key=settings.AUDIT_KEYS[0])
                rows.append((number, event.previous_sha256, previous, seal, last))
            cursor.executemany(statement, rows)


def _next(event_model, last):
    events = event_model.objects.order_by("number")
    return list(events.filter(number__gt=last)[:BATCH] if last is not None else events[:BATCH])


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RenameField("auditevent", "id", "number"),
        migrations.AlterField(
            "auditevent",
            "number",
            models.BigIntegerField(
                help_text="1 is the first; without a gap", primary_key=True, serialize=False
            ),
        ),
        migrations.AlterField("auditevent", "at", models.DateTimeField(editable=False)),
        migrations.AddField(
            "auditevent",
            "previous_sha256",
            models.CharField(blank=True, default="", help_text="Blank: the first", max_length=64),
        ),
        migrations.AddField(
            "auditevent",
            "sha256",
            models.CharField(default="", max_length=64, verbose_name="SHA-256"),
        ),
        migrations.AddField(
            "auditevent",
            "seal",
            models.CharField(
                default="", help_text="Which key, and its HMAC of the SHA-256", max_length=80
            ),
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.AlterField(
            "auditevent",
            "previous_sha256",
            models.CharField(blank=True, help_text="Blank: the first", max_length=64),
        ),
        migrations.AlterField(
            "auditevent", "sha256", models.CharField(max_length=64, verbose_name="SHA-256")
        ),
        migrations.AlterField(
            "auditevent",
            "seal",
            models.CharField(help_text="Which key, and its HMAC of the SHA-256", max_length=80),
        ),
        migrations.AddIndex(
            "auditevent", models.Index(fields=["study", "-number"], name="audit_of_study")
        ),
    ]
