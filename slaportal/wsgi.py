"""The web process: `gunicorn slaportal.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slaportal.settings")

application = get_wsgi_application()

from django.db import connections  # noqa: E402

from slaportal.collector import look_less  # noqa: E402
from tenants.startup import assert_safe_role  # noqa: E402

assert_safe_role()
# A server that loads the application before it forks must not hand one connection to all its workers.
connections.close_all()
look_less()
