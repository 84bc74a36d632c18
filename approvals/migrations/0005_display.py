from django.db import migrations, models
from django.db.models.functions.text import Length
from django.db.models.lookups import Exact


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0004_step_up"),
    ]

    operations = [
        migrations.AddField(
            model_name="approvalrequest",
            name="display_digest",
            # No display has this digest: what was asked before it was signed over can no longer be decided.
            field=models.BinaryField(default=bytes(32), max_length=32),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=Exact(Length("display_digest"), 32), name="display_digest_is_32_bytes"
            ),
        ),
    ]
