from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.sessions import signals  # noqa: PLC0415
        from accounts.sign_in import checks  # noqa: PLC0415 - settings are complete only now

        checks.register()
        signals.connect()
