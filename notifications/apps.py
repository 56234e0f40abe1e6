from typing import Any

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from notifications import publications
        from notifications.selectors import unread
        from web.shell import UNREAD, Waiting, register_badge

        def unread_by(request: Any) -> Waiting:
            return Waiting(unread(tenant=request.tenant, member=request.member))

        register_badge(UNREAD, unread_by)
        publications.install()
