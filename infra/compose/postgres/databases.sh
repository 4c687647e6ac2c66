#!/bin/sh
# Once, on empty data: for each service a database, the role that owns and migrates it, the role
# that serves, and the role that audits. What they may do is said in infra/postgres/roles.sql.
set -eu
for service in pim inventory cart payments orders customers; do
  variable="$(echo "$service" | tr '[:lower:]' '[:upper:]')"
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
    --set name="comptoir_$service" --set password="$(printenv "${variable}_DATABASE_PASSWORD")" \
    --set owner="comptoir_${service}_owner" \
    --set owner_password="$(printenv "${variable}_OWNER_PASSWORD")" \
    --set auditor="comptoir_${service}_audit" \
    --set auditor_password="$(printenv "${variable}_AUDIT_PASSWORD")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"auditor" LOGIN PASSWORD :'auditor_password';
CREATE DATABASE :"name" OWNER :"owner";
SQL
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname "comptoir_$service" \
    --file /etc/comptoir/roles.sql
done
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --command 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
