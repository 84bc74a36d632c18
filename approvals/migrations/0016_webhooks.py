from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0015_push"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoppedWebhook",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
            ],
        ),
    ]
