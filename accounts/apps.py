from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.sign_in import checks  # noqa: PLC0415 - settings are complete only now

        checks.register()
