"""What agents and people said is sealed with its namespace's ring, in batches, and begun again where it was stopped."""

from django.db import migrations, transaction

BATCH = 100
OF_REQUEST = (
    "target", "confirm_text", "why_again", "gate_message", "reasoning", "outcome_detail", "result_text",
    "arguments_cbor", "history",
)  # fmt: skip
OF_DECISION = ("signed", "reason")


def seal(apps, schema_editor):
    _seal(apps.get_model("approvals", "ApprovalRequest").objects.all(), "arguments_cbor", OF_REQUEST)
    _seal(apps.get_model("approvals", "Decision").objects.select_related("approval_request"), "signed", OF_DECISION)


def _seal(rows, always, names):
    """Seal ``names`` of the rows whose column ``always``, which is never empty, is not sealed yet."""
    last = None
    while batch := list((rows if last is None else rows.filter(pk__gt=last)).order_by("pk")[:BATCH]):
        with transaction.atomic():
            for row in batch:
                if row.__dict__[always]:
                    continue
                for name in names:
                    plain = getattr(row, f"plain_{name}")
                    setattr(row, name, bytes(plain) if isinstance(plain, memoryview) else plain)
                row.save(update_fields=names)
        last = batch[-1].pk


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("approvals", "0009_sealed_columns")]

    operations = [migrations.RunPython(seal, migrations.RunPython.noop)]
