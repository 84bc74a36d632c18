from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AddField("ledgerchain", "namespace", models.CharField(blank=True, db_index=True, max_length=255)),
    ]
