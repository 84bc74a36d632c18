"""Content gets columns of ciphertext, in three steps, so that each can be begun again: this makes them.

The next one seals what is there, in batches; the one after it drops the plain columns.
"""

import audit.models.sealed
from django.db import migrations

TEXTS = ("target", "confirm_text", "why_again", "gate_message", "reasoning", "outcome_detail", "result_text")
OF_REQUEST = {"namespace": "namespace", "row": ["pk"]}
OF_DECISION = {"namespace": "approval_request.namespace", "row": ["approval_request_id", "public_key", "nonce"]}


def _renamed(model, *names):
    return [migrations.RenameField(model_name=model, old_name=name, new_name=f"plain_{name}") for name in names]


class Migration(migrations.Migration):
    dependencies = [("approvals", "0008_superseded"), ("audit", "0006_sealed_content")]

    operations = [
        migrations.RemoveConstraint(model_name="decision", name="denial_has_a_reason"),
        *_renamed("approvalrequest", *TEXTS, "arguments_cbor", "history"),
        *_renamed("decision", "signed", "reason"),
        *(
            migrations.AddField(
                model_name="approvalrequest",
                name=name,
                field=audit.models.sealed.SealedText(blank=True, **OF_REQUEST),
            )
            for name in TEXTS
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="arguments_cbor",
            field=audit.models.sealed.SealedBytes(default=b"", **OF_REQUEST),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="history",
            field=audit.models.sealed.SealedList(blank=True, **OF_REQUEST),
        ),
        migrations.AddField(
            model_name="decision",
            name="signed",
            field=audit.models.sealed.SealedBytes(default=b"", **OF_DECISION),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="decision", name="reason", field=audit.models.sealed.SealedText(blank=True, **OF_DECISION)
        ),
    ]
