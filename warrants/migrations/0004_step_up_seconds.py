from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("warrants", "0003_key_revocation_list"),
    ]

    operations = [
        migrations.AddField(
            model_name="warrant",
            name="step_up_seconds",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
    ]
