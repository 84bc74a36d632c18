from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_one_person_per_identity"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="person",
            options={},
        ),
        migrations.RemoveConstraint(
            model_name="rolegrant",
            name="role_known",
        ),
        migrations.RemoveConstraint(
            model_name="rolegrant",
            name="one_grant_per_role",
        ),
        migrations.AddField(
            model_name="rolegrant",
            name="group",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="rolegrant",
            name="namespace",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name="rolegrant",
            name="role",
            field=models.CharField(
                choices=[
                    ("viewer", "viewer"),
                    ("approver", "approver"),
                    ("policy_author", "policy_author"),
                    ("policy_publisher", "policy_publisher"),
                    ("auditor", "auditor"),
                    ("security_administrator", "security_administrator"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddConstraint(
            model_name="rolegrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "role__in",
                        [
                            "viewer",
                            "approver",
                            "policy_author",
                            "policy_publisher",
                            "auditor",
                            "security_administrator",
                        ],
                    )
                ),
                name="role_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="rolegrant",
            constraint=models.UniqueConstraint(
                fields=("person", "role", "namespace", "group"), name="one_grant_per_role"
            ),
        ),
    ]
