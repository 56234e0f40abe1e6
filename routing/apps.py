from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        """Say that the rules are versioned, and may be published for a later day."""
        from routing.models import RuleSetVersion
        from routing.pool_use import let_pools_stay
        from routing.rules_check import check_usable
        from tenants.versions import Kind, register

        register(
            Kind(
                slug="routing",
                title="routing rules",
                model=RuleSetVersion,
                page="routing:rules",
                check="routing:rules_check",
                validate=check_usable,
                dated=True,
                hold=let_pools_stay,
            )
        )
