-- All versions of the alert rules that merchants put; the highest one counts. A built-in rule has a row only once it was
-- changed or deleted.
CREATE TABLE alert_rules (
    merchant_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    -- Whether this version took the rule out of force.
    deleted boolean NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT alert_rules_pkey PRIMARY KEY (merchant_id, rule_id, version)
);

-- Alerts as of their newest version.
CREATE TABLE alerts (
    merchant_id text COLLATE "C" NOT NULL,
    alert_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    -- 1 to 3.
    level integer NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    rule_version integer NOT NULL,
    scope text NOT NULL,
    -- The person, team or shop; empty for a report about no single shop.
    scope_key text COLLATE "C" NOT NULL,
    -- Who is concerned besides those who see everything.
    people text[] NOT NULL,
    -- Numbers of jinpai.access.v1.Role: who was told.
    told integer[] NOT NULL,
    raised_at timestamptz NOT NULL,
    -- When the next are told; NULL if nobody is.
    escalates_at timestamptz,
    entries integer NOT NULL,
    -- Title, evidence, worst, counts, who acknowledged and resolved it.
    details jsonb NOT NULL,
    CONSTRAINT alerts_pkey PRIMARY KEY (merchant_id, alert_id),
    CONSTRAINT alerts_state CHECK (state IN ('open', 'acknowledged', 'resolved'))
);
-- What is open is not raised again.
CREATE UNIQUE INDEX alerts_unresolved ON alerts (merchant_id, rule_id, scope_key) WHERE state <> 'resolved';
CREATE INDEX alerts_by_time ON alerts (merchant_id, raised_at DESC, alert_id DESC);
CREATE INDEX alerts_of_rule ON alerts (merchant_id, rule_id, scope_key, raised_at DESC);
CREATE INDEX alerts_to_escalate ON alerts (escalates_at) WHERE escalates_at IS NOT NULL;

-- What happened to alerts. Only added to.
CREATE TABLE alert_entries (
    merchant_id text COLLATE "C" NOT NULL,
    alert_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    -- Who, when, and what they said; redacted.
    act jsonb NOT NULL,
    -- The figure then.
    evidence jsonb,
    told integer[] NOT NULL,
    CONSTRAINT alert_entries_pkey PRIMARY KEY (merchant_id, alert_id, number)
);

-- When a merchant's rules were looked at last, changes or not: a day or hour in which nothing happens changes nothing.
CREATE TABLE alert_rounds (
    merchant_id text COLLATE "C" NOT NULL,
    looked_at timestamptz NOT NULL,
    CONSTRAINT alert_rounds_pkey PRIMARY KEY (merchant_id)
);
