from typing import Any

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from notifications import publications
        from notifications.selectors import unread_count
        from web.shell import UNREAD, register_badge

        def unread(request: Any) -> int:
            return unread_count(tenant=request.tenant, member=request.member)

        register_badge(UNREAD, unread)
        publications.install()
