-- Events that this service publishes: written in the transaction of the change, sent by the relay, kept 24 hours
-- after the broker has them.
CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
    event_id uuid NOT NULL,
    merchant_id text NOT NULL,
    -- Publisher and payload, without the prefix of the stream: "metrics.conversation_closed".
    subject text NOT NULL,
    -- The encoded event, zstd.
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
-- Already compressed: trying again is a waste.
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
-- What the relay asks all the time; holds only what is still to be sent.
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;

-- Events that this service has handled, per follower. Kept longer than the stream keeps its messages.
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_received ON inbox (received_at);

-- The newest version that a follower has handled of an entity, for handlers that have no row of their own to keep it.
CREATE TABLE inbox_entities (
    consumer text NOT NULL,
    merchant_id text NOT NULL,
    subject text NOT NULL,
    entity text NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT inbox_entities_pkey PRIMARY KEY (merchant_id, consumer, subject, entity)
);

-- Events that a follower could not handle. Never dropped while somebody has to decide.
CREATE TABLE parked_events (
    -- UUIDv7: newer ones sort after older ones.
    parked_id uuid CONSTRAINT parked_events_pkey PRIMARY KEY,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    -- Empty when neither the event nor its header could be read.
    merchant_id text NOT NULL,
    subject text NOT NULL,
    entity text NOT NULL,
    version bigint NOT NULL,
    payload bytea NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL,
    state text NOT NULL CONSTRAINT parked_events_state_check
        CHECK (state IN ('parked', 'replaying', 'replayed', 'discarded')),
    parked_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    discard_reason text NOT NULL DEFAULT '',
    CONSTRAINT parked_events_event_key UNIQUE (consumer, event_id)
);
ALTER TABLE parked_events ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX parked_events_of_merchant ON parked_events (merchant_id, parked_id DESC);
CREATE INDEX parked_events_to_replay ON parked_events (consumer, parked_id) WHERE state = 'replaying';
