from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = "Reporting"

    def ready(self) -> None:
        """Speak for messages about the agreement and for weekly mails, lend the page shell what it asks of
        people, and keep versions from being published in its freeze.
        """
        from reporting.agreement import badges, messages
        from reporting.agreement.gate import freeze_errors
        from reporting.mailings import escalation, subscriptions
        from reporting.mailings import messages as mails
        from tenants.clock import database_clock
        from tenants.versions import gates

        messages.install()
        mails.install()
        escalation.install()
        subscriptions.install()
        badges.register()
        gates.append(freeze_errors(database_clock))
