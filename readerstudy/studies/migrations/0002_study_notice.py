from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="study",
            name="notice",
            field=models.CharField(
                blank=True,
                help_text="What every page of a synthetic study says of it; blank: that it is simulated",
                max_length=200,
            ),
        ),
    ]
