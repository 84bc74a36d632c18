"""Entries and attachments are sealed with their namespace's ring. Chains of the service itself have none.

The columns keep their type. Not in one transaction: it goes through the rows in batches, and begun again it leaves
what is sealed already.
"""

from django.db import migrations, transaction

import audit.models.sealed

_BATCH = 200


def seal(apps, schema_editor):
    _seal(apps.get_model("audit", "LedgerEntry"), "envelope", "chain")
    _seal(apps.get_model("audit", "Attachment"), "content", "entry__chain")


def _seal(model, column, chain):
    rows = model.objects.exclude(**{f"{chain}__namespace": ""}).select_related(chain).order_by("pk")
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:_BATCH]):
        with transaction.atomic():
            for row in batch:
                stored = row.__dict__[column]
                if stored is not None and stored.is_plain:
                    setattr(row, column, bytes(stored))
                    row.save(update_fields=[column])
        last = batch[-1].pk


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
