-- lock: one migration at a time, over all processes that share the database
SELECT pg_advisory_xact_lock(hashtext('relayscope.migration'));

-- may_stage: whether the detour of redelivered spans is open
SELECT has_database_privilege(current_database(), 'TEMPORARY');

-- prepare: the place where applied migrations are noted
CREATE SCHEMA IF NOT EXISTS relayscope;
CREATE TABLE IF NOT EXISTS relayscope.migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- applied: what was applied already, oldest first
SELECT version, name, checksum FROM relayscope.migrations ORDER BY version;

-- limits: a migration never waits long for a lock, and so never makes writers wait long behind it
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';
-- Times that a migration writes into SQL are read again.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';

-- record: notes a migration as applied
INSERT INTO relayscope.migrations (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s);
