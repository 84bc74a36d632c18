from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_endorsed_keys"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="approverkey",
            name="last_used_at",
        ),
    ]
