-- Targets as of their newest version. Parts are not stored: they follow from goal and division.
CREATE TABLE targets (
    merchant_id text COLLATE "C" NOT NULL,
    target_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    name text NOT NULL,
    -- NULL: all shops together.
    shop_id text COLLATE "C",
    from_day date NOT NULL,
    to_day date NOT NULL,
    goal jsonb NOT NULL,
    definition_id text NOT NULL,
    -- Actual figures follow this version for as long as the target lives.
    definition_version integer NOT NULL,
    -- How it is split: the rule, who takes part with which weight, what was set by hand. NULL until it is split.
    division jsonb,
    -- Who has a part, copied from the division.
    people text[] NOT NULL,
    summary jsonb,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT targets_pkey PRIMARY KEY (merchant_id, target_id),
    CONSTRAINT targets_state CHECK (state IN ('active', 'closed', 'withdrawn')),
    CONSTRAINT targets_days CHECK (from_day <= to_day)
);
CREATE INDEX targets_by_day ON targets (merchant_id, from_day, target_id);
