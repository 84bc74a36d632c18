"""What agents and people said is sealed with its namespace's ring, and the file's old pages are given up.

Not in one transaction: it goes through the rows in batches, and begun again it leaves what is sealed already. Backups
from before keep what they hold.
"""

from django.db import migrations, transaction

BATCH = 100
OF_REQUEST = (
    "target", "confirm_text", "why_again", "gate_message", "reasoning", "history", "outcome_detail", "result_text",
    "arguments_cbor",
)  # fmt: skip
OF_DECISION = ("signed", "reason")
TABLES = ("approvals_approvalrequest", "approvals_decision", "audit_ledgerentry", "audit_attachment")


def seal(apps, schema_editor):
    requests = apps.get_model("approvals", "ApprovalRequest").objects.all()
    decisions = apps.get_model("approvals", "Decision").objects.select_related("approval_request")
    _seal(requests, OF_REQUEST)
    _seal(decisions, OF_DECISION)
    if apps.get_model("audit", "LedgerEntry").objects.exists():
        _give_up_old_pages(schema_editor.connection)


def _seal(rows, names):
    last = None
    while batch := list((rows if last is None else rows.filter(pk__gt=last)).order_by("pk")[:BATCH]):
        with transaction.atomic():
            for row in batch:
                plain = {name: row.__dict__[name] for name in names if row.__dict__[name].is_plain}
                for name, stored in plain.items():
                    setattr(row, name, row._meta.get_field(name).decoded(bytes(stored)))
                if plain:
                    row.save(update_fields=list(plain))
        last = batch[-1].pk


def _give_up_old_pages(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for table in TABLES:
                cursor.execute(f'VACUUM FULL "{table}"')


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("approvals", "0009_sealed_columns")]

    operations = [migrations.RunPython(seal, migrations.RunPython.noop)]
