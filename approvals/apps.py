from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        from approvals.live import ledger  # noqa: PLC0415 - models are loaded only now
        from approvals.notify.slack import checks  # noqa: PLC0415
        from approvals.requests import forgetting  # noqa: PLC0415

        checks.connect()
        ledger.connect()
        forgetting.connect()
