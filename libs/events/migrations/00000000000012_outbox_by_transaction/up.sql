-- What the broker has is said by a position instead of a mark on each row: marking wrote every event a second time, and
-- looking for rows without the mark read the marked ones again until they were vacuumed.
--
-- A number from a sequence cannot be the position, because transactions commit in another order than they take numbers.
-- A snapshot can: what was committed since are the rows whose transaction is not visible in it, and only those.
--
-- `xid` is the transaction that published the event; 3, the first that there can be, for what was with the broker when this
-- column came. `published_at` is no longer written; it goes when no program of the release before can come back.
ALTER TABLE outbox ADD COLUMN xid xid8;
UPDATE outbox SET xid = CASE WHEN published_at IS NULL THEN pg_current_xact_id() ELSE '3' END;
ALTER TABLE outbox ALTER COLUMN xid SET DEFAULT pg_current_xact_id(), ALTER COLUMN xid SET NOT NULL;
DROP INDEX outbox_unpublished;
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey;
ALTER TABLE outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (xid, seq);

-- How far the relay is: one row, written by whoever holds the relay's lock.
CREATE TABLE outbox_relay (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT outbox_relay_pkey PRIMARY KEY CONSTRAINT outbox_relay_only_row CHECK (only_row),
    -- Whose transaction ids these are: after a restore into another cluster they mean nothing.
    cluster bigint NOT NULL,
    -- The broker has all that is visible in this snapshot, and of what is visible in `reading` but not in here what
    -- comes up to `through_xid`, `through_seq`. The rows of `outbox_held` are the exceptions.
    sent pg_snapshot NOT NULL,
    reading pg_snapshot,
    through_xid xid8,
    through_seq bigint,
    CONSTRAINT outbox_relay_window CHECK ((reading IS NULL) = (through_xid IS NULL) AND (reading IS NULL) = (through_seq IS NULL))
);
-- Only 3 is visible in this snapshot.
INSERT INTO outbox_relay (cluster, sent) SELECT system_identifier, '4:4:' FROM pg_control_system();

-- Events that the broker did not take when their turn came. They are tried again and hold up nobody.
CREATE TABLE outbox_held (
    xid xid8 NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT outbox_held_pkey PRIMARY KEY (xid, seq)
);

-- Since when the broker has had what: by this, rows are deleted 24 hours later.
CREATE TABLE outbox_history (
    noted_at timestamptz NOT NULL DEFAULT now() CONSTRAINT outbox_history_pkey PRIMARY KEY,
    -- All that is visible in it.
    sent pg_snapshot NOT NULL
);

-- Events that the broker does not have yet.
CREATE VIEW outbox_waiting WITH (security_invoker = true) AS
    SELECT o.xid, o.seq, o.event_id, o.merchant_id, o.subject, o.payload, o.created_at
    FROM outbox_relay r
    JOIN outbox o ON o.xid >= pg_snapshot_xmin(r.sent) AND NOT pg_visible_in_snapshot(o.xid, r.sent)
        AND (r.reading IS NULL OR NOT pg_visible_in_snapshot(o.xid, r.reading) OR (o.xid, o.seq) > (r.through_xid, r.through_seq))
    UNION ALL
    SELECT o.xid, o.seq, o.event_id, o.merchant_id, o.subject, o.payload, o.created_at
    FROM outbox_held h JOIN outbox o USING (xid, seq);
