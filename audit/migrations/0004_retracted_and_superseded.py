from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_kinds_of_people_and_keys"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="entry_kind_known",
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("warrant.minted", "warrant.minted"),
                    ("warrant.revoked", "warrant.revoked"),
                    ("call.allowed", "call.allowed"),
                    ("call.denied", "call.denied"),
                    ("call.gated", "call.gated"),
                    ("approval.requested", "approval.requested"),
                    ("approval.granted", "approval.granted"),
                    ("approval.denied", "approval.denied"),
                    ("approval.retracted", "approval.retracted"),
                    ("approval.expired", "approval.expired"),
                    ("approval.withdrawn", "approval.withdrawn"),
                    ("approval.superseded", "approval.superseded"),
                    ("call.result", "call.result"),
                    ("run.completed", "run.completed"),
                    ("key.enrolled", "key.enrolled"),
                    ("key.revoked", "key.revoked"),
                    ("key.endorsed", "key.endorsed"),
                    ("people_root.established", "people_root.established"),
                    ("role.granted", "role.granted"),
                    ("role.revoked", "role.revoked"),
                    ("person.disabled", "person.disabled"),
                    ("person.enabled", "person.enabled"),
                    ("passkey.added", "passkey.added"),
                    ("passkey.removed", "passkey.removed"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "warrant.minted",
                            "warrant.revoked",
                            "call.allowed",
                            "call.denied",
                            "call.gated",
                            "approval.requested",
                            "approval.granted",
                            "approval.denied",
                            "approval.retracted",
                            "approval.expired",
                            "approval.withdrawn",
                            "approval.superseded",
                            "call.result",
                            "run.completed",
                            "key.enrolled",
                            "key.revoked",
                            "key.endorsed",
                            "people_root.established",
                            "role.granted",
                            "role.revoked",
                            "person.disabled",
                            "person.enabled",
                            "passkey.added",
                            "passkey.removed",
                        ],
                    )
                ),
                name="entry_kind_known",
            ),
        ),
    ]
