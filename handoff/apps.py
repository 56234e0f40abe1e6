from django.apps import AppConfig


class HandoffConfig(AppConfig):
    name = "handoff"
    verbose_name = "Handoff"

    def ready(self) -> None:
        """Tell the layers below what only this one knows: the numbers beside our places, and a message's context."""
        from handoff import badges, message_context

        badges.register()
        message_context.install()
