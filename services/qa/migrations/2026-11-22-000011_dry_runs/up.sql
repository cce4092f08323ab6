-- Trials of rules on chats of the past: a job with its place, taken up under a lease.
CREATE TABLE dry_runs (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time.
    dry_run_id uuid NOT NULL,
    rule_set_version integer NOT NULL,
    -- The rules as they were when it was asked for: a draft may change meanwhile.
    rules text NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    -- 1 waiting, 2 running, 3 done, 4 cancelled, 5 failed.
    state smallint NOT NULL,
    chats_expected bigint NOT NULL,
    chats_checked bigint NOT NULL DEFAULT 0,
    -- The chat that was checked last; the key of conversations. Null before the first.
    at_day date,
    at_conversation_id text COLLATE "C" NOT NULL DEFAULT '',
    at_channel text COLLATE "C" NOT NULL DEFAULT '',
    at_shop_id text COLLATE "C" NOT NULL DEFAULT '',
    -- Who works on it, until when.
    lease uuid,
    held_until timestamptz NOT NULL,
    failure text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT dry_runs_pkey PRIMARY KEY (merchant_id, dry_run_id)
);
CREATE INDEX dry_runs_open ON dry_runs (held_until) WHERE state IN (1, 2);

CREATE TABLE dry_run_chats (
    merchant_id text COLLATE "C" NOT NULL,
    dry_run_id uuid NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    chats bigint NOT NULL,
    CONSTRAINT dry_run_chats_pkey PRIMARY KEY (merchant_id, dry_run_id, account_id)
);

CREATE TABLE dry_run_figures (
    merchant_id text COLLATE "C" NOT NULL,
    dry_run_id uuid NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    hits bigint NOT NULL,
    chats_hit bigint NOT NULL,
    -- The same chats by the version of their day.
    live_hits bigint NOT NULL,
    live_chats_hit bigint NOT NULL,
    -- Chats that only one of the two hits.
    chats_gained bigint NOT NULL,
    chats_lost bigint NOT NULL,
    CONSTRAINT dry_run_figures_pkey PRIMARY KEY (merchant_id, dry_run_id, rule_id, account_id)
);

CREATE TABLE dry_run_examples (
    merchant_id text COLLATE "C" NOT NULL,
    dry_run_id uuid NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    -- 1 kept, 2 gained, 3 lost.
    kind smallint NOT NULL,
    -- From 1, in the order in which they were found.
    number smallint NOT NULL,
    business_day date NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    message_index integer NOT NULL,
    starts_at integer NOT NULL,
    ends_at integer NOT NULL,
    utf16_starts_at integer NOT NULL,
    utf16_ends_at integer NOT NULL,
    excerpt text NOT NULL,
    CONSTRAINT dry_run_examples_pkey PRIMARY KEY (merchant_id, dry_run_id, rule_id, kind, number)
);
