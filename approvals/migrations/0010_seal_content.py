"""What agents and people said is sealed with its namespace's ring, and the file's old pages are given up.

Not in one transaction: it goes through the rows in batches, and begun again it leaves what is sealed already. Backups
from before keep what they hold.
"""

from django.db import migrations

from audit.migrating import seal_rows

OF_REQUEST = (
    "target", "confirm_text", "why_again", "gate_message", "reasoning", "history", "outcome_detail", "result_text",
    "arguments_cbor",
)  # fmt: skip
OF_DECISION = ("signed", "reason")


def seal(apps, schema_editor):
    requests = apps.get_model("approvals", "ApprovalRequest").objects.all()
    decisions = apps.get_model("approvals", "Decision").objects.select_related("approval_request")
    seal_rows(requests, OF_REQUEST)
    seal_rows(decisions, OF_DECISION)
    if apps.get_model("audit", "LedgerEntry").objects.exists():
        _give_up_old_pages(schema_editor.connection)


def _give_up_old_pages(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("VACUUM FULL")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("approvals", "0009_sealed_columns"), ("audit", "0008_seal_content")]

    operations = [migrations.RunPython(seal, migrations.RunPython.noop)]
