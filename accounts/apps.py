from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.sessions import signals  # noqa: PLC0415
        from accounts.sign_in import checks  # noqa: PLC0415 - settings are complete only now
        from accounts.sign_in.reauthentication import AtOpenIdProvider  # noqa: PLC0415
        from accounts.step_up import providers  # noqa: PLC0415

        checks.register()
        signals.connect()
        providers.register(AtOpenIdProvider())
