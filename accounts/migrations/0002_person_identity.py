from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField("person", "issuer", models.CharField(default="local", max_length=200)),
        migrations.AddField(
            "person", "subject", models.CharField(blank=True, default="", max_length=255), preserve_default=False
        ),
    ]
