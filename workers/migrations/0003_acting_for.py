"""With whose authority the agent works on an incident."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_barred_people")]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="acting_for",
            field=models.CharField(blank=True, default="", max_length=320),
        ),
    ]
