import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("warrants", "0002_namespaces_of_incidents"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyRevocationList",
            fields=[
                ("number", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("envelope", models.BinaryField()),
                ("revoked_keys", models.PositiveIntegerField()),
                ("signed_at", models.DateTimeField()),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="key_revocation_lists",
                        to="warrants.issuerkey",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="key_revocation_list_from_one")
                ],
            },
        ),
    ]
