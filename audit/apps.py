from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit.models import sealed  # noqa: PLC0415 - models are loaded only now
        from audit.rings import keeping  # noqa: PLC0415

        sealed.use(keeping)
