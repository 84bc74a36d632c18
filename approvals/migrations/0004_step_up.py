from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0003_decision_endorsements"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="approvalrequest",
            name="step_up_seconds",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="decision",
            name="step_up_method",
            field=models.CharField(blank=True, max_length=16),
        ),
        migrations.AddField(
            model_name="decision",
            name="stepped_up_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("step_up_seconds", None), ("step_up_seconds__gt", 0), _connector="OR"),
                name="request_step_up_takes_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("step_up_method", ""), ("stepped_up_at", None)),
                    models.Q(models.Q(("step_up_method", ""), _negated=True), ("stepped_up_at__isnull", False)),
                    _connector="OR",
                ),
                name="step_up_has_method_and_time",
            ),
        ),
    ]
