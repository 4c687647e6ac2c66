-- Who may do what in a service's database. Run in that database, by an administrator, once it and
-- its roles exist; running it again changes nothing.
--
-- Two roles: the database's owner has the tables and migrates them, and the role that bears the
-- database's name serves: it reads and writes rows. A third one, named `<database>_audit`, reads
-- them, where there is one. Nobody else may even connect.
DO $roles$
DECLARE
    service text := current_database();
    auditor text := service || '_audit';
    owner text := (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = service);
BEGIN
    IF owner = service THEN
        RAISE EXCEPTION 'database % belongs to the role that serves: give it an owner', service;
    END IF;
    EXECUTE format('SET LOCAL ROLE %I', owner);
    -- Without CONNECT for everybody, and without TEMP for anybody but the owner.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', service);
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', service, service);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', service, service);
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', service);
    -- What there is, and what migrations will make.
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', service);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', service);
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES IN SCHEMA public'
        ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', service);
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO %I', service);
    -- Rows to read, and nothing to change: not a table, not a row, not a sequence.
    IF to_regrole(quote_ident(auditor)) IS NOT NULL THEN
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', service, auditor);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', auditor);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I', auditor);
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO %I', auditor);
    END IF;
END
$roles$;
