from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("warrants", "0004_step_up_seconds"),
    ]

    operations = [
        migrations.AddField(
            model_name="warrant",
            name="reading_seconds",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="warrant",
            name="approvals_per_hour",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="warrant",
            name="confirmed_arguments",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
