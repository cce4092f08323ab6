-- What was answered to a request that carried a request id, so that a repeat gets the same answer and has no
-- second effect. Kept 24 hours.
CREATE TABLE idempotency_keys (
    merchant_id text NOT NULL,
    -- The caller: two callers may use the same request id.
    subject text NOT NULL,
    -- Path of the RPC.
    method text NOT NULL,
    request_id text NOT NULL,
    -- SHA-256 of the encoded request: the same id with another body is refused.
    request_hash bytea NOT NULL,
    -- Null only while the transaction that took the id runs; nobody else ever sees it null.
    answer bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (merchant_id, subject, method, request_id)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- Who did what: one row per change, written in the transaction of the change. Rows are never changed or deleted.
CREATE TABLE audit_entries (
    entry_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_entries_pkey PRIMARY KEY,
    merchant_id text NOT NULL,
    at timestamptz NOT NULL,
    subject text NOT NULL,
    -- Role names, comma-separated, as the caller's token had them.
    roles text NOT NULL,
    -- Path of the RPC.
    rpc text NOT NULL,
    -- "allowed" or "refused".
    decision text NOT NULL,
    -- What was changed, for example "review/0192…".
    entity text NOT NULL,
    -- JSON, kept as the text that was hashed.
    summary text NOT NULL,
    request_id text NOT NULL
);
CREATE INDEX audit_entries_of_entity ON audit_entries (merchant_id, entity, entry_id);

-- Entries that the chain writer has still to link. The only part of the audit that is emptied.
CREATE TABLE audit_pending (
    entry_id bigint CONSTRAINT audit_pending_pkey PRIMARY KEY
);

-- The chain over the entries: each link hashes the one before it and its entry.
CREATE TABLE audit_chain (
    link bigint CONSTRAINT audit_chain_pkey PRIMARY KEY,
    entry_id bigint NOT NULL CONSTRAINT audit_chain_entry_key UNIQUE,
    hash bytea NOT NULL
);

-- Holds even where the service runs as the tables' owner; a superuser can get round it, the chain shows that.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are never changed' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entries_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_chain_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- The runtime role got the usual rights on new tables; here it may add rows and nothing else.
DO $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT DISTINCT acl.grantee::regrole::text
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE pg_class.oid IN ('audit_entries'::regclass, 'audit_chain'::regclass)
          AND acl.grantee NOT IN (0, relowner)
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries, audit_chain FROM %s', grantee);
    END LOOP;
END
$$;
