import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0009_evidence"),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchKey",
            fields=[
                ("namespace", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("wrapped_key", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="IndexedEntry",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="indexed",
                        serialize=False,
                        to="audit.ledgerentry",
                    ),
                ),
                ("place", models.BinaryField(max_length=73)),
                ("at_ms", models.PositiveBigIntegerField()),
                ("kind", models.CharField(max_length=32)),
                ("namespace", models.CharField(max_length=255)),
                ("of_service", models.BooleanField()),
                ("tool", models.CharField(blank=True, max_length=200)),
                ("agent", models.CharField(blank=True, max_length=200)),
                ("person", models.CharField(blank=True, max_length=320)),
                ("by", models.CharField(blank=True, max_length=320)),
                ("key", models.CharField(blank=True, max_length=64)),
                ("by_key", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("workflow_id", models.CharField(blank=True, max_length=1000)),
                ("waited_ms", models.PositiveBigIntegerField(null=True)),
                (
                    "state",
                    models.PositiveSmallIntegerField(choices=[(0, "Whole"), (1, "Cut"), (2, "Closed")], default=0),
                ),
                (
                    "chain",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="audit.ledgerchain",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("owner", models.CharField(max_length=500)),
                ("name", models.CharField(max_length=100)),
                ("sealed", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
                "constraints": [models.UniqueConstraint(fields=("owner", "name"), name="one_saved_search_of_a_name")],
            },
        ),
        migrations.CreateModel(
            name="SearchTerm",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id", "token", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("token", models.BigIntegerField()),
                ("at_ms", models.PositiveBigIntegerField()),
                (
                    "source",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Said By People"), (2, "Said By Agents"), (3, "Argument")]
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="terms",
                        to="audit.indexedentry",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["at_ms"], name="indexed_at"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["namespace", "at_ms"], name="indexed_namespace"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["kind", "at_ms"], name="indexed_kind"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["tool", "kind", "at_ms"], name="indexed_tool_kind"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["tool", "at_ms"], name="indexed_tool"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["agent", "at_ms"], name="indexed_agent"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["chain", "at_ms"], name="indexed_chain"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(fields=["workflow_id", "at_ms"], name="indexed_workflow"),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(
                condition=models.Q(("person", ""), _negated=True), fields=["person", "at_ms"], name="indexed_person"
            ),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(
                condition=models.Q(("by", ""), _negated=True), fields=["by", "at_ms"], name="indexed_by"
            ),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(
                condition=models.Q(("key", ""), _negated=True), fields=["key", "at_ms"], name="indexed_key"
            ),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(
                condition=models.Q(("by_key", ""), _negated=True), fields=["by_key", "at_ms"], name="indexed_by_key"
            ),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(
                condition=models.Q(("request_id", ""), _negated=True), fields=["request_id"], name="indexed_request"
            ),
        ),
        migrations.AddIndex(
            model_name="indexedentry",
            index=models.Index(condition=models.Q(("state", 0), _negated=True), fields=["state"], name="indexed_state"),
        ),
        migrations.AddIndex(
            model_name="searchterm",
            index=models.Index(fields=["token", "at_ms", "entry"], name="terms_by_token"),
        ),
    ]
