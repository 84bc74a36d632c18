from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        from approvals.live import ledger  # noqa: PLC0415 - models are loaded only now

        ledger.connect()
