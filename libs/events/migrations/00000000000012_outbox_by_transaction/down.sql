UPDATE outbox SET published_at = now() WHERE (xid, seq) NOT IN (SELECT xid, seq FROM outbox_waiting);
DROP VIEW outbox_waiting;
DROP TABLE outbox_history;
DROP TABLE outbox_held;
DROP TABLE outbox_relay;
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey;
ALTER TABLE outbox DROP COLUMN xid;
ALTER TABLE outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (seq);
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
