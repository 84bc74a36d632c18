"""The plain columns go; what they held is in the sealed ones."""

import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

OF_REQUEST = (
    "target", "confirm_text", "why_again", "gate_message", "reasoning", "outcome_detail", "result_text",
    "arguments_cbor", "history",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("approvals", "0010_seal_content")]

    operations = [
        *(migrations.RemoveField(model_name="approvalrequest", name=f"plain_{name}") for name in OF_REQUEST),
        migrations.RemoveField(model_name="decision", name="plain_signed"),
        migrations.RemoveField(model_name="decision", name="plain_reason"),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(django.db.models.functions.text.Length("reason"), 0),
                    kind="deny",
                    _negated=True,
                ),
                name="denial_has_a_reason",
            ),
        ),
    ]
