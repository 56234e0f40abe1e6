#!/bin/sh
# One-shot: roles and database as the administrator, then migrations as the owner. Run again, it only repairs.
set -eu
echo "Making sure of the roles and the database ..."
# Its answer contains passwords, so it must not reach the log.
python -m slaportal.embedded bootstrap --admin-url "$ADMIN_DATABASE_URL" --database slaportal >/dev/null
unset ADMIN_DATABASE_URL SLAPORTAL_OWNER_PASSWORD SLAPORTAL_APP_PASSWORD SLAPORTAL_BACKUP_PASSWORD
echo "Migrating ..."
exec python manage.py migrate --noinput --database owner
