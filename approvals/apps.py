from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        from approvals.live import ledger  # noqa: PLC0415 - models are loaded only now
        from approvals.notify import forgetting as notifications  # noqa: PLC0415
        from approvals.notify.slack import checks  # noqa: PLC0415
        from approvals.notify.webhooks import checks as webhooks  # noqa: PLC0415
        from approvals.on_call import queries as on_call  # noqa: PLC0415
        from approvals.on_call.elsewhere import checks as schedules  # noqa: PLC0415
        from approvals.requests import forgetting, queries  # noqa: PLC0415
        from warrants.issuers import waiting  # noqa: PLC0415
        from warrants.policies import on_call as policies  # noqa: PLC0415
        from warrants.policies import shifts  # noqa: PLC0415

        checks.connect()
        webhooks.connect()
        schedules.connect()
        ledger.connect()
        forgetting.connect()
        notifications.connect()
        waiting.use(queries.waiting_under)
        shifts.use(on_call.fewest_at_once)
        policies.use(on_call.on_call_as_seen)
