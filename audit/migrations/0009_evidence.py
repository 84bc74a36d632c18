import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0008_seal_content"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogReader",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64)),
                ("position", models.PositiveBigIntegerField(default=0)),
            ],
        ),
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
                    ("warrant.attenuated", "warrant.attenuated"),
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
                    ("policy.published", "policy.published"),
                    ("policy.retired", "policy.retired"),
                    ("namespace.stopped", "namespace.stopped"),
                    ("namespace.resumed", "namespace.resumed"),
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
                    ("payload.decoded", "payload.decoded"),
                    ("payload.encoded", "payload.encoded"),
                    ("ring.key_made", "ring.key_made"),
                    ("ring.key_retired", "ring.key_retired"),
                    ("ring.exported", "ring.exported"),
                    ("history.exported", "history.exported"),
                    ("evidence.exported", "evidence.exported"),
                    ("payload.erased", "payload.erased"),
                    ("retention.applied", "retention.applied"),
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
                            "warrant.attenuated",
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
                            "policy.published",
                            "policy.retired",
                            "namespace.stopped",
                            "namespace.resumed",
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
                            "payload.decoded",
                            "payload.encoded",
                            "ring.key_made",
                            "ring.key_retired",
                            "ring.exported",
                            "history.exported",
                            "evidence.exported",
                            "payload.erased",
                            "retention.applied",
                        ],
                    )
                ),
                name="entry_kind_known",
            ),
        ),
        migrations.AddField(
            model_name="logreader",
            name="log",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="readers", to="audit.log"
            ),
        ),
        migrations.AddConstraint(
            model_name="logreader",
            constraint=models.UniqueConstraint(fields=("log", "name"), name="one_reader_of_a_name_per_log"),
        ),
    ]
