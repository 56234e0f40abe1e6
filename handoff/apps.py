from django.apps import AppConfig


class HandoffConfig(AppConfig):
    name = "handoff"
    verbose_name = "Handoff"

    def ready(self) -> None:
        """Lend the message texts their facts, the page shell the numbers beside our places, and the policy's
        pages the fallback person.
        """
        from handoff import absences, badges, departures, message_context, rotation
        from routing.selectors import fallback_of
        from sla.recipients import read_fallback

        message_context.install()
        rotation.install()
        badges.register()
        absences.register()
        departures.register()
        read_fallback.append(fallback_of)
