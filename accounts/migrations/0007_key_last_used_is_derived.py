from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_key_strength"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="approverkey",
            name="last_used_at",
        ),
    ]
