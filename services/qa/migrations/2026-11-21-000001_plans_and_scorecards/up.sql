-- How a merchant's chats are sampled. A version never changes; a new one holds from a day that has not begun.
CREATE TABLE sampling_plans (
    merchant_id text NOT NULL,
    version integer NOT NULL,
    effective_from date NOT NULL,
    size integer NOT NULL,
    -- A chat is long if it counts more than this.
    threshold integer NOT NULL,
    -- What the threshold counts: 1 agent replies, 2 all messages.
    counts smallint NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT sampling_plans_pkey PRIMARY KEY (merchant_id, version),
    CONSTRAINT sampling_plans_day_key UNIQUE (merchant_id, effective_from)
);

-- Versions of scorecards. Only state and its times ever change.
CREATE TABLE scorecards (
    merchant_id text NOT NULL,
    scorecard_id text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    -- 1 draft, 2 published, 3 retired.
    state smallint NOT NULL,
    -- Criteria and critical errors.
    content jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    retired_at timestamptz,
    -- Counts up with each change of state; the etag.
    revision bigint NOT NULL,
    CONSTRAINT scorecards_pkey PRIMARY KEY (merchant_id, scorecard_id, version)
);
-- A merchant's reviews are scored by one card at a time.
CREATE UNIQUE INDEX scorecards_one_published ON scorecards (merchant_id) WHERE state = 2;
CREATE INDEX scorecards_listed ON scorecards (merchant_id, created_at, scorecard_id, version);
