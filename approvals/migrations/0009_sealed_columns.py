"""Content gets columns of bytes, where they stand: what is in them stays, and the next migration seals it."""

import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

import audit.models.sealed
from audit.migrating import AlterText

TEXTS = ("target", "confirm_text", "why_again", "gate_message", "reasoning", "outcome_detail", "result_text")
OF_REQUEST = {"namespace": "namespace", "row": ["pk"]}
OF_DECISION = {"namespace": "approval_request.namespace", "row": ["approval_request_id", "public_key", "nonce"]}


class Migration(migrations.Migration):
    dependencies = [("approvals", "0008_superseded"), ("audit", "0006_sealed_content")]

    operations = [
        migrations.RemoveConstraint(model_name="decision", name="denial_has_a_reason"),
        *(
            AlterText("approvalrequest", name, audit.models.sealed.SealedText(blank=True, **OF_REQUEST))
            for name in TEXTS
        ),
        AlterText("approvalrequest", "history", audit.models.sealed.SealedList(blank=True, **OF_REQUEST)),
        AlterText("decision", "reason", audit.models.sealed.SealedText(blank=True, **OF_DECISION)),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "approvalrequest", "arguments_cbor", audit.models.sealed.SealedBytes(**OF_REQUEST)
                ),
                migrations.AlterField("decision", "signed", audit.models.sealed.SealedBytes(**OF_DECISION)),
            ]
        ),
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
