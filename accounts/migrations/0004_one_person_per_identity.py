from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_local_subjects")]

    operations = [
        migrations.AddConstraint(
            "person", models.UniqueConstraint(fields=("issuer", "subject"), name="one_person_per_identity")
        ),
    ]
