from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit.models import sealed
        from audit.rings import keeping

        sealed.use(keeping)
