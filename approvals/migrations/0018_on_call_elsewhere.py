import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0017_on_call"),
    ]

    operations = [
        migrations.AddField(
            model_name="oncallrotation", name="schedule", field=models.CharField(blank=True, max_length=40)
        ),
        migrations.AlterField(
            model_name="oncallrotation", name="hands_over", field=models.TimeField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="oncallrotation", name="starts_on", field=models.DateField(blank=True, null=True)
        ),
        migrations.AddConstraint(
            model_name="oncallrotation",
            constraint=models.CheckConstraint(
                condition=~Q(schedule="") | Q(hands_over__isnull=False, starts_on__isnull=False),
                name="rotation_has_turns_or_schedule",
            ),
        ),
        migrations.CreateModel(
            name="OnCallSchedule",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField()),
                ("fetched_at", models.DateTimeField(null=True)),
                ("known_until", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("trouble", models.CharField(blank=True, max_length=40)),
                ("detail", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(failing_since__isnull=True, trouble="")
                        | (Q(failing_since__isnull=False) & ~Q(trouble="")),
                        name="schedule_fails_for_a_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OnCallScheduleShift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("begins", models.DateTimeField()),
                ("ends", models.DateTimeField()),
                ("email", models.CharField(blank=True, max_length=254)),
                ("name", models.CharField(blank=True, max_length=100)),
                (
                    "schedule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shifts",
                        to="approvals.oncallschedule",
                    ),
                ),
            ],
            options={
                "ordering": ["begins", "ends", "email", "name"],
                "indexes": [models.Index(fields=["schedule", "ends"], name="schedule_shifts")],
                "constraints": [
                    models.CheckConstraint(condition=Q(ends__gt=F("begins")), name="schedule_shift_ends_later")
                ],
            },
        ),
    ]
