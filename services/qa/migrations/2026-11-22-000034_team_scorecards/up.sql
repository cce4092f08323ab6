-- Which card a team's chats are scored by, from a business day on. A version never changes; a team without one, and one that
-- gave it back, has the merchant's published card.
CREATE TABLE team_scorecards (
    merchant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    effective_from date NOT NULL,
    -- Both null: the merchant's card.
    scorecard_id text COLLATE "C",
    scorecard_version integer,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT team_scorecards_pkey PRIMARY KEY (merchant_id, team_id, version),
    CONSTRAINT team_scorecards_day_key UNIQUE (merchant_id, team_id, effective_from),
    CONSTRAINT team_scorecards_card CHECK ((scorecard_id IS NULL) = (scorecard_version IS NULL))
);
COMMENT ON COLUMN scorecards.state IS '1 draft, 2 published, 3 retired, 4 used by teams only';
