from django.apps import AppConfig


class HandoffConfig(AppConfig):
    name = "handoff"
    verbose_name = "Handoff"

    def ready(self) -> None:
        """Lend the message texts their facts, and the page shell the numbers beside our places."""
        from handoff import badges, departures, message_context

        message_context.install()
        badges.register()
        departures.register()
