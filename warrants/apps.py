from django.apps import AppConfig


class WarrantsConfig(AppConfig):
    name = "warrants"

    def ready(self) -> None:
        from audit.export import endorsing  # noqa: PLC0415 - models are loaded only now
        from warrants.issuers.services import every_endorsement  # noqa: PLC0415
        from warrants.policies import checks  # noqa: PLC0415 - settings are complete only now

        checks.register()
        endorsing.use(every_endorsement)
