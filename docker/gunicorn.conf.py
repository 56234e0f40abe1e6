"""How the web server runs in the container."""

import os

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 4
# Heartbeat files on a disk can block under load and get healthy workers killed.
worker_tmp_dir = "/dev/shm"
timeout = 30
graceful_timeout = 20
# A slow leak somewhere below us never grows old; the jitter keeps workers from restarting together.
max_requests = 5000
max_requests_jitter = 500
# The container's port is reachable through the proxy only (docs/operating.md).
forwarded_allow_ips = "*"
# One JSON object a request, without the query string: searches hold names and links hold secrets.
accesslog = "-"
access_log_format = (
    '{"logger": "access", "method": "%(m)s", "path": "%(U)s", "status": "%(s)s", "ms": "%(M)s", '
    '"bytes": "%(B)s", "request": "%({x-request-id}o)s"}'
)
