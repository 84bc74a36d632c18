"""Several people may deny one request, and an approver may take back an approval."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import Exact


class Migration(migrations.Migration):
    dependencies = [("approvals", "0005_display")]

    operations = [
        migrations.RemoveConstraint(model_name="decision", name="one_denial_per_request"),
        migrations.CreateModel(
            name="Retraction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_key", models.BinaryField(max_length=32)),
                ("signed", models.BinaryField()),
                ("retracted_at", models.DateTimeField()),
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retraction",
                        to="approvals.decision",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Exact(Length("public_key"), 32), name="retraction_key_is_32_bytes")
                ]
            },
        ),
    ]
