from django.db import migrations


def fill(apps, schema_editor):
    """Incidents from before know their namespace only through their warrant."""
    chains = apps.get_model("audit", "LedgerChain")
    warrants = apps.get_model("warrants", "Warrant")
    for warrant_id, namespace in warrants.objects.values_list("pk", "namespace"):
        chains.objects.filter(name=warrant_id, namespace="").update(namespace=namespace)


class Migration(migrations.Migration):
    dependencies = [
        ("warrants", "0001_initial"),
        ("audit", "0002_namespaces_of_chains"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
