import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0009_evidence"),
    ]

    operations = [
        migrations.CreateModel(
            name="EntryStream",
            fields=[
                (
                    "log",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="stream",
                        serialize=False,
                        to="audit.log",
                    ),
                ),
                ("holder", models.CharField(blank=True, max_length=64)),
                ("leased_until", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("retry_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
