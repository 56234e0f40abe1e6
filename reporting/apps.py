from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = "Reporting"

    def ready(self) -> None:
        """Speak for messages about the agreement, campaigns, the survey, reviews and weekly mails, lend the
        page shell what it asks of people, and keep versions from being published in the agreement's freeze.
        """
        from reporting.agreement import badges, messages
        from reporting.agreement.gate import freeze_errors
        from reporting.mailings import escalation, subscriptions
        from reporting.mailings import messages as mails
        from reporting.outcomes import campaigns, survey
        from reporting.reviews import badges as review_badges
        from reporting.reviews import messages as review_messages
        from tenants.clock import database_clock
        from tenants.versions import gates

        messages.install()
        campaigns.install()
        survey.install()
        mails.install()
        escalation.install()
        subscriptions.install()
        badges.register()
        review_messages.install()
        review_badges.register()
        gates.append(freeze_errors(database_clock))
