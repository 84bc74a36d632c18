"""Entries and attachments get columns whose content is sealed. They keep their type, and what is in them for now."""

from django.db import migrations

import audit.models.sealed


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_rings")]

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
    ]
