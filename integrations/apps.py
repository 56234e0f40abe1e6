from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        """Lend the messages about drills their words."""
        from integrations.drill import telling

        telling.install()
