from __future__ import annotations

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def let_the_root_sign(apps: Any, schema_editor: Any) -> None:
    """The first issuer goes on signing; any other is trusted, as it was."""
    issuers = apps.get_model("warrants", "IssuerKey").objects
    first = issuers.order_by("id").first()
    if first is not None:
        issuers.filter(pk=first.pk).update(state="active")
    for issuer in issuers.all():
        issuers.filter(pk=issuer.pk).update(state_since=issuer.created_at)


class Migration(migrations.Migration):
    dependencies = [
        ("warrants", "0009_catalogue"),
    ]

    operations = [
        migrations.AddField(
            model_name="issuerkey",
            name="state",
            field=models.CharField(
                choices=[
                    ("announced", "announced"),
                    ("active", "active"),
                    ("overlapping", "overlapping"),
                    ("retired", "retired"),
                ],
                default="overlapping",
                max_length=16,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="issuerkey",
            name="state_since",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.RunPython(let_the_root_sign, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="issuerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["announced", "active", "overlapping", "retired"])),
                name="issuer_key_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="issuerkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")), fields=("state",), name="one_active_issuer_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="issuerkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "announced")), fields=("state",), name="one_announced_issuer_key"
            ),
        ),
        migrations.CreateModel(
            name="TrustedRoots",
            fields=[
                ("number", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("envelope", models.BinaryField()),
                ("signed_at", models.DateTimeField()),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trusted_roots",
                        to="warrants.issuerkey",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="trusted_roots_from_one")
                ],
            },
        ),
        migrations.AddField(
            model_name="listconfirmation",
            name="roots",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.RemoveConstraint(
            model_name="mintingstop",
            name="one_minting_stop_per_namespace",
        ),
        migrations.RenameField(
            model_name="mintingstop",
            old_name="namespace",
            new_name="name",
        ),
        migrations.AlterModelOptions(
            name="mintingstop",
            options={"ordering": ["name", "id"]},
        ),
        migrations.AddField(
            model_name="mintingstop",
            name="scope",
            field=models.CharField(
                choices=[("namespace", "namespace"), ("agent", "agent")], default="namespace", max_length=16
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="mintingstop",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)),
                fields=("scope", "name"),
                name="one_minting_stop_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="mintingstop",
            constraint=models.CheckConstraint(
                condition=models.Q(("scope__in", ["namespace", "agent"])), name="minting_stop_scope_known"
            ),
        ),
    ]
