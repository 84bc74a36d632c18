import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0007_looking_and_claiming"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="approvalrequest",
            name="request_state_known",
        ),
        migrations.RemoveConstraint(
            model_name="approvalrequest",
            name="request_closed_when_final",
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="superseded_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="supersedes",
                to="approvals.approvalrequest",
            ),
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="why_again",
            field=models.CharField(blank=True, max_length=600),
        ),
        migrations.AlterField(
            model_name="approvalrequest",
            name="outcome_status",
            field=models.CharField(
                blank=True,
                choices=[
                    ("executed", "executed"),
                    ("failed", "failed"),
                    ("denied", "denied"),
                    ("expired", "expired"),
                    ("withdrawn", "withdrawn"),
                    ("superseded", "superseded"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="approvalrequest",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "open"),
                    ("approved", "approved"),
                    ("executed", "executed"),
                    ("failed", "failed"),
                    ("denied", "denied"),
                    ("expired", "expired"),
                    ("withdrawn", "withdrawn"),
                    ("superseded", "superseded"),
                ],
                default="open",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(
                condition=models.Q(("urgency__isnull", False)), fields=["request_hash"], name="request_call"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        ["open", "approved", "executed", "failed", "denied", "expired", "withdrawn", "superseded"],
                    )
                ),
                name="request_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at__isnull", True), ("state__in", ["open", "approved"]), ("urgency__isnull", False)
                    ),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("state__in", ["executed", "failed", "denied", "expired", "withdrawn", "superseded"]),
                        ("urgency__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="request_closed_when_final",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "superseded"), ("superseded_by", None), _negated=True),
                    models.Q(
                        ("superseded_by", None),
                        models.Q(("superseded_by", models.F("id")), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="request_superseded_by_another",
            ),
        ),
    ]
