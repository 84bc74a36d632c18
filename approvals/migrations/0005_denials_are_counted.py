"""Several people may deny one request: denials end it when enough approvals are impossible."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("approvals", "0004_step_up")]

    operations = [migrations.RemoveConstraint(model_name="decision", name="one_denial_per_request")]
