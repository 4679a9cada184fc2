"""Investigators become members of a study, each with a role."""

from django.conf import settings
from django.db import migrations, models

ROLES = {
    "investigator": "Investigator: sets up and runs the study; no truth",
    "data_manager": "Data manager: cases, import and truth; no readings",
    "auditor": "Auditor: looks at what is there to audit, changes nothing",
}


class Migration(migrations.Migration):
    dependencies = [
        ("cohorts", "0003_reading_room"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="investigator", name="investigator_once"),
        migrations.RenameModel(old_name="Investigator", new_name="Membership"),
        migrations.AddField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=list(ROLES.items()), default="investigator", max_length=12
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(fields=("study", "user"), name="membership_once"),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", list(ROLES))), name="membership_role_known"
            ),
        ),
    ]
