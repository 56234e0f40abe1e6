from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        """Say that the rules are versioned."""
        from routing.facts import check_publishable
        from routing.models import RuleSetVersion
        from tenants.versions import Kind, register

        register(
            Kind(
                slug="routing",
                title="routing rules",
                model=RuleSetVersion,
                page="routing:rules",
                check="routing:rules",
                validate=check_publishable,
            )
        )
