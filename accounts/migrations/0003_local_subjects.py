from django.db import migrations
from django.db.models import F


def name_local_people(apps, schema_editor):
    apps.get_model("accounts", "Person").objects.filter(issuer="local").update(subject=F("username"))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_person_identity")]

    operations = [migrations.RunPython(name_local_people, migrations.RunPython.noop)]
