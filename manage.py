#!/usr/bin/env python
"""Django's command-line entry point."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slaportal.settings")
    from django.core.management import execute_from_command_line
    from django.db import ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except ProgrammingError as error:
        from slaportal.schema import ADVICE, lacks_migrations

        if not lacks_migrations(error):
            raise
        sys.exit(ADVICE)


if __name__ == "__main__":
    main()
