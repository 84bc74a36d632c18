"""Entries and attachments are sealed with their namespace's ring. Chains of the service itself have none.

The columns keep their type. Not in one transaction: it goes through the rows in batches, and begun again it leaves
what is sealed already.
"""

from django.db import migrations

import audit.models.sealed
from audit.migrating import seal_rows


def seal(apps, schema_editor):
    entries = apps.get_model("audit", "LedgerEntry").objects.exclude(chain__namespace="")
    attachments = apps.get_model("audit", "Attachment").objects.exclude(entry__chain__namespace="")
    seal_rows(entries.select_related("chain"), ["envelope"])
    seal_rows(attachments.select_related("entry__chain"), ["content"])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audit", "0006_payload_encoded")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="ledgerentry",
                    name="envelope",
                    field=audit.models.sealed.SealedBytes(
                        namespace="chain.namespace", row=["chain_id", "sequence"], vouched=True
                    ),
                ),
                migrations.AlterField(
                    model_name="attachment",
                    name="content",
                    field=audit.models.sealed.SealedBytes(
                        namespace="entry.chain.namespace",
                        null=True,
                        row=["entry.chain_id", "entry.sequence", "name"],
                        vouched=True,
                    ),
                ),
            ]
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
