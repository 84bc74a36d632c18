from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0019_absence"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChannelTrouble",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(max_length=20)),
                ("place", models.CharField(blank=True, max_length=200)),
                ("since", models.DateTimeField()),
                ("tried_at", models.DateTimeField()),
                ("answer", models.TextField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["channel", "place"], name="one_trouble_at_a_time"),
                ],
            },
        ),
        # What it said comes back with the next message.
        migrations.DeleteModel(name="SlackTrouble"),
        migrations.AlterField(
            model_name="notification",
            name="event",
            field=models.CharField(
                choices=[
                    ("opened", "opened"),
                    ("progress", "progress"),
                    ("waiting_again", "waiting_again"),
                    ("stuck", "stuck"),
                    ("approved", "approved"),
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
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["state", "-created_at"], name="notification_state_when"),
        ),
    ]
