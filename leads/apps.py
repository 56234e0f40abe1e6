from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "leads"
    verbose_name = "Leads"

    def ready(self) -> None:
        """Say that criteria are versioned, and may be published for a later day; and speak for messages about
        sources."""
        from leads import source_alarms
        from leads.criteria import check_publishable
        from leads.models import CriteriaVersion
        from tenants.versions import Kind, register

        register(
            Kind(
                slug="criteria",
                title="qualification criteria",
                model=CriteriaVersion,
                page="leads:criteria",
                check="leads:criteria",
                validate=check_publishable,
                dated=True,
            )
        )
        source_alarms.install()
