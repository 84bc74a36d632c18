"""Entries and attachments are sealed with their namespace's ring. Chains of the service itself have none.

It makes rings that are missing as this version does, so it comes after every change of their table, and after the
tables of the logs, where the entries wait that it appends. Not in one transaction: it goes through the rows in
batches, and begun again it leaves what is sealed already.
"""

from django.db import migrations

from audit.migrating import seal_rows


def seal(apps, schema_editor):
    entries = apps.get_model("audit", "LedgerEntry").objects.exclude(chain__namespace="")
    attachments = apps.get_model("audit", "Attachment").objects.exclude(entry__chain__namespace="")
    seal_rows(entries.select_related("chain"), ["envelope"])
    seal_rows(attachments.select_related("entry__chain"), ["content"])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audit", "0007_logs")]

    operations = [migrations.RunPython(seal, migrations.RunPython.noop)]
