from django.apps import AppConfig


class SlaConfig(AppConfig):
    name = "sla"
    verbose_name = "SLA"

    def ready(self) -> None:
        """Say that policies are versioned, may be published for a later day, and may move open clocks; lend
        the page shell what is wrong.
        """
        from leads.list_use import register_rules
        from leads.tiers import register_tiers
        from sla import alarm
        from sla.models import PolicyVersion
        from sla.moving import move_as_chosen
        from sla.policies import tiers_in_force
        from sla.policy_review import check_publishable
        from sla.units import rules_kept
        from tenants.versions import Kind, register

        register(
            Kind(
                slug="policy",
                title="SLA policy",
                model=PolicyVersion,
                page="sla:policy",
                check="sla:policy_check",
                validate=check_publishable,
                dated=True,
                arrived=move_as_chosen,
            )
        )
        alarm.register()
        register_tiers(tiers_in_force)
        register_rules(rules_kept)
