from django.db import migrations


def empty(apps, _schema_editor):
    """What was pickled is never read again; the counts begin anew."""
    apps.get_model("accounts", "SharedCache").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_history")]

    operations = [migrations.RunPython(empty, empty)]
