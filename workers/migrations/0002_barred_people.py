"""Who raised an alert, and for whom the agent acts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="barred_people",
            field=models.JSONField(default=list),
        ),
    ]
