from django.apps import AppConfig


class HandoffConfig(AppConfig):
    name = "handoff"
    verbose_name = "Handoff"

    def ready(self) -> None:
        """Lend the message texts their facts, the page shell the numbers beside our places, and the policy's
        pages the fallback person.
        """
        from handoff import absences, badges, departures, message_context, rotation
        from handoff.simulation.cases import gate_errors
        from routing.selectors import fallback_of
        from sla.recipients import read_fallback
        from tenants.clock import database_clock
        from tenants.versions import gates

        message_context.install()
        rotation.install()
        badges.register()
        absences.register()
        departures.register()
        read_fallback.append(fallback_of)
        gates.append(gate_errors(database_clock))
