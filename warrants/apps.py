from django.apps import AppConfig


class WarrantsConfig(AppConfig):
    name = "warrants"

    def ready(self) -> None:
        from warrants.policies import checks  # noqa: PLC0415 - settings are complete only now

        checks.register()
