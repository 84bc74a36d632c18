import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0010_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("person", models.CharField(db_index=True, max_length=320)),
                (
                    "form",
                    models.CharField(choices=[("csv", "csv"), ("jsonl", "jsonl"), ("bundle", "bundle")], max_length=16),
                ),
                ("search", models.JSONField(default=dict)),
                ("count", models.PositiveBigIntegerField(null=True)),
                ("root", models.BinaryField(max_length=32, null=True)),
                ("periods", models.JSONField(default=list)),
                ("sent", models.PositiveBigIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "running"), ("complete", "complete"), ("broken_off", "broken_off")],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("slot", models.PositiveSmallIntegerField(null=True)),
                ("why", models.TextField(blank=True)),
                ("begun_at", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("moved_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-begun_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("person", "slot"),
                        name="one_running_export_per_slot",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["running", "complete", "broken_off"])),
                        name="export_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "running"), ("ended_at__isnull", True)),
                            models.Q(
                                models.Q(("state", "running"), _negated=True),
                                ("ended_at__isnull", False),
                                ("slot__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="export_running_or_ended",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportedNamespace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("namespace", models.CharField(blank=True, db_index=True, max_length=255)),
                ("count", models.PositiveBigIntegerField()),
                (
                    "export",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="namespaces", to="audit.export"
                    ),
                ),
            ],
            options={
                "ordering": ["namespace"],
                "constraints": [
                    models.UniqueConstraint(fields=("export", "namespace"), name="one_count_per_namespace_of_export")
                ],
            },
        ),
    ]
