from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        from workers.incident.alerts import forgetting  # noqa: PLC0415 - models are loaded only now

        forgetting.connect()
