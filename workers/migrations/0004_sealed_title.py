"""An alert's title is somebody's words, and goes into a prompt: it is sealed with its namespace's ring."""

from django.conf import settings
from django.db import migrations, models

import audit.models.sealed
from audit.migrating import AlterText, seal_rows


def seal(apps, schema_editor):
    incidents = apps.get_model("workers", "Incident").objects.all()
    incidents.filter(namespace="").update(namespace=settings.TEMPORAL_NAMESPACE)
    seal_rows(incidents, ["title"])


class Migration(migrations.Migration):
    dependencies = [("workers", "0003_acting_for"), ("audit", "0008_seal_content")]
    run_before = [("approvals", "0010_seal_content")]  # which gives up the old pages

    operations = [
        migrations.AddField(
            model_name="incident",
            name="namespace",
            field=models.CharField(default="", max_length=255),
            preserve_default=False,
        ),
        AlterText(
            model_name="incident",
            name="title",
            field=audit.models.sealed.SealedText(namespace="namespace", row=["incident_id"]),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
