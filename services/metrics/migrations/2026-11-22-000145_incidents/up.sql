-- Incidents as of their newest version.
CREATE TABLE incidents (
    merchant_id text COLLATE "C" NOT NULL,
    incident_id text COLLATE "C" NOT NULL,
    -- One more with each edit; notes, tasks and escalation leave it.
    version bigint NOT NULL,
    state text NOT NULL,
    -- 1 to 3.
    level integer NOT NULL,
    -- An exercise, which is counted nowhere.
    drill boolean NOT NULL,
    -- What it was opened out of.
    alert_id text COLLATE "C",
    opened_at timestamptz NOT NULL,
    -- The merchant's business day then, as it was counted when the incident was opened.
    opened_day date NOT NULL,
    -- The last time; NULL while it is not.
    contained_at timestamptz,
    closed_at timestamptz,
    -- When the next are told; NULL if nobody is.
    escalates_at timestamptz,
    -- Until when what was learnt is to be handed in; NULL while it is not closed.
    retrospective_due date,
    -- Whether it was, since it was closed.
    reviewed boolean NOT NULL,
    -- When the case for the knowledge base was filed.
    case_filed_at timestamptz,
    -- When its newest wording was agreed.
    worded_at timestamptz,
    -- Products that are affected; empty: all.
    products text[] NOT NULL,
    -- Lines of its timeline.
    entries integer NOT NULL,
    content jsonb NOT NULL,
    -- Who was told, the newest wording, what was learnt, the case.
    details jsonb NOT NULL,
    created_by text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT incidents_pkey PRIMARY KEY (merchant_id, incident_id),
    CONSTRAINT incidents_state CHECK (state IN ('open', 'contained', 'closed'))
);
CREATE INDEX incidents_by_time ON incidents (merchant_id, drill, opened_at DESC, incident_id DESC);
CREATE INDEX incidents_by_day ON incidents (merchant_id, opened_day);
CREATE INDEX incidents_to_escalate ON incidents (escalates_at) WHERE escalates_at IS NOT NULL;
CREATE INDEX incidents_in_force ON incidents (merchant_id, worded_at DESC, incident_id DESC)
    WHERE state <> 'closed' AND worded_at IS NOT NULL;

-- Their timelines. Only added to.
CREATE TABLE incident_entries (
    merchant_id text COLLATE "C" NOT NULL,
    incident_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    happened_at timestamptz NOT NULL,
    -- Who wrote it down, when, and what; redacted.
    act jsonb NOT NULL,
    task_id text COLLATE "C",
    -- Numbers of jinpai.access.v1.Role: who was told.
    told integer[] NOT NULL,
    CONSTRAINT incident_entries_pkey PRIMARY KEY (merchant_id, incident_id, number)
);

-- What was agreed to be said, all versions. Only added to.
CREATE TABLE incident_wordings (
    merchant_id text COLLATE "C" NOT NULL,
    incident_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    -- Redacted.
    topic text NOT NULL,
    wording text NOT NULL,
    agreed_by text NOT NULL,
    agreed_at timestamptz NOT NULL,
    CONSTRAINT incident_wordings_pkey PRIMARY KEY (merchant_id, incident_id, number)
);
