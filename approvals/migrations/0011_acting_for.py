"""With whose authority an agent works."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0010_seal_content")]

    operations = [
        migrations.AddField(
            model_name="approvalrequest",
            name="acting_for",
            field=models.CharField(blank=True, default="", max_length=320),
        ),
    ]
