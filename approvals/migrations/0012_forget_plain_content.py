"""The pages of the database file that held the plain columns are given up, where there were any rows.

Not in a transaction: neither database rewrites a table's file within one. Backups from before keep what they hold.
"""

from django.db import migrations

TABLES = ("approvals_approvalrequest", "approvals_decision", "audit_ledgerentry", "audit_attachment")


def forget(apps, schema_editor):
    connection = schema_editor.connection
    if not apps.get_model("audit", "LedgerEntry").objects.exists():
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for table in TABLES:
                cursor.execute(f"VACUUM FULL {table}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("approvals", "0011_no_plain_content")]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
