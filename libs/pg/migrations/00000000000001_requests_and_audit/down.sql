DROP TABLE audit_chain;
DROP TABLE audit_pending;
DROP TABLE audit_entries;
DROP FUNCTION refuse_audit_change();
DROP TABLE idempotency_keys;
