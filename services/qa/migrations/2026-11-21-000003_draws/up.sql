-- The secret of a merchant's day and what was published of it.
CREATE TABLE seeds (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    -- Whoever reads this before the draw knows what will be drawn.
    seed bytea NOT NULL,
    commitment bytea NOT NULL,
    committed_at timestamptz NOT NULL,
    -- Whether the day had not begun yet when it was committed.
    before_day boolean NOT NULL,
    -- Whether the commitment is written where this database can't reach: log line and commitment file.
    anchored boolean NOT NULL DEFAULT false,
    CONSTRAINT seeds_pkey PRIMARY KEY (merchant_id, business_day)
);
CREATE INDEX seeds_to_anchor ON seeds (merchant_id, business_day) WHERE NOT anchored;

-- What metrics said a day held, newest version.
CREATE TABLE day_closings (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    version bigint NOT NULL,
    long_chat_threshold integer NOT NULL,
    closed_at timestamptz NOT NULL,
    CONSTRAINT day_closings_pkey PRIMARY KEY (merchant_id, business_day)
);
CREATE TABLE day_closing_agents (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    account_id text NOT NULL,
    conversations integer NOT NULL,
    long_chats integer NOT NULL,
    CONSTRAINT day_closing_agents_pkey PRIMARY KEY (merchant_id, business_day, account_id)
);

-- A day's draw. Never changes.
CREATE TABLE draws (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    plan_version integer NOT NULL,
    size integer NOT NULL,
    threshold integer NOT NULL,
    counts smallint NOT NULL,
    day_closed_version bigint NOT NULL,
    list_hash bytea NOT NULL,
    agents integer NOT NULL,
    eligible integer NOT NULL,
    drawn integer NOT NULL,
    shortfall_agents integer NOT NULL,
    drawn_at timestamptz NOT NULL,
    drawn_by text NOT NULL,
    CONSTRAINT draws_pkey PRIMARY KEY (merchant_id, business_day)
);

-- One account's part of a draw, with the list it was drawn from as it was then: conversations may be corrected or
-- reach the end of their retention, the draw stays verifiable.
CREATE TABLE draw_agents (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    account_id text NOT NULL,
    eligible integer NOT NULL,
    drawn integer NOT NULL,
    agent_hash bytea NOT NULL,
    -- zstd over JSON: [[shop, channel, id], …], sorted.
    eligible_list bytea NOT NULL,
    CONSTRAINT draw_agents_pkey PRIMARY KEY (merchant_id, business_day, account_id)
);

-- Long chats that arrived after their day's draw, and what the late rule said.
CREATE TABLE late_chats (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    account_id text NOT NULL,
    shop_id text NOT NULL,
    channel text NOT NULL,
    conversation_id text NOT NULL,
    arrived_at timestamptz NOT NULL,
    -- The day whose still secret seed ranked it.
    seed_day date NOT NULL,
    rank bytea NOT NULL,
    accepted boolean NOT NULL,
    CONSTRAINT late_chats_pkey PRIMARY KEY (merchant_id, business_day, shop_id, channel, conversation_id)
);
