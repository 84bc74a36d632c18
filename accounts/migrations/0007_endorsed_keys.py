import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_key_strength"),
    ]

    operations = [
        migrations.CreateModel(
            name="PeopleRoot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_key", models.BinaryField(max_length=32, unique=True)),
                ("person", models.CharField(max_length=320)),
                ("established_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("replaced_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("public_key"), 32
                        ),
                        name="people_root_is_32_bytes",
                    ),
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(("replaced_at__isnull", True)),
                        name="one_people_root_in_use",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("dismissed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("dismissed_at__isnull", True)), fields=["person"], name="notices_to_show"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyEndorsement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("approver", "approver"), ("security_administrator", "security_administrator")],
                        max_length=32,
                    ),
                ),
                ("endorser_key", models.BinaryField(max_length=32)),
                ("endorser", models.CharField(max_length=320)),
                ("envelope", models.BinaryField()),
                ("signed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endorsements",
                        to="accounts.approverkey",
                    ),
                ),
                (
                    "people_root",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endorsements",
                        to="accounts.peopleroot",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["approver", "security_administrator"])),
                        name="endorsed_people_role_known",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("endorser_key"), 32
                        ),
                        name="endorser_key_is_32_bytes",
                    ),
                    models.UniqueConstraint(
                        fields=("key", "role", "people_root", "endorser"), name="one_endorsement_per_endorser"
                    ),
                ],
            },
        ),
    ]
