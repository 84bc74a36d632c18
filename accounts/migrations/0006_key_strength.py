from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_roles_by_namespace"),
    ]

    operations = [
        migrations.AddField(
            model_name="approverkey",
            name="strength",
            field=models.CharField(
                choices=[("ordinary", "ordinary"), ("strong", "strong")], default="ordinary", max_length=16
            ),
        ),
        migrations.AddConstraint(
            model_name="approverkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("strength__in", ["ordinary", "strong"])), name="approver_key_strength_known"
            ),
        ),
    ]
