from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0002_looking"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="endorsements",
            field=models.BinaryField(default=b"\x80"),
        ),
    ]
