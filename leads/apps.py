from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "leads"
    verbose_name = "Leads"

    def ready(self) -> None:
        """Say that both sides' criteria are versioned, and may be published for a later day; and speak for
        messages about sources."""
        from leads import source_alarms, sql_bar
        from leads.bars import MEETING_BAR
        from leads.criteria import check_publishable
        from leads.models import CriteriaVersion, SqlBarVersion
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
        register(
            Kind(
                slug="sql_bar",
                title="SQL criteria",
                model=SqlBarVersion,
                page="leads:sql_bar",
                check="leads:sql_bar_check",
                validate=sql_bar.check_publishable,
                dated=True,
            )
        )
        register(
            Kind(
                slug=MEETING_BAR.slug,
                title="qualified-meeting criteria",
                model=MEETING_BAR.model,
                page=MEETING_BAR.page,
                check=MEETING_BAR.check,
                validate=sql_bar.check_publishable,
                dated=True,
            )
        )
        source_alarms.install()
