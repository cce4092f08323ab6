-- Risks in their newest assessment.
CREATE TABLE risks (
    merchant_id text COLLATE "C" NOT NULL,
    risk_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    -- 1 to 5 each.
    likelihood integer NOT NULL,
    impact integer NOT NULL,
    owner_person_id text COLLATE "C" NOT NULL,
    review_due date NOT NULL,
    -- It is no risk any more.
    retired boolean NOT NULL,
    -- Redacted.
    content jsonb NOT NULL,
    assessed_by text NOT NULL,
    assessed_at timestamptz NOT NULL,
    CONSTRAINT risks_pkey PRIMARY KEY (merchant_id, risk_id),
    CONSTRAINT risks_scale CHECK (likelihood BETWEEN 1 AND 5 AND impact BETWEEN 1 AND 5)
);
CREATE INDEX risks_by_review ON risks (merchant_id, review_due, risk_id);

-- All their assessments. Only added to.
CREATE TABLE risk_versions (
    merchant_id text COLLATE "C" NOT NULL,
    risk_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    assessed_by text NOT NULL,
    assessed_at timestamptz NOT NULL,
    CONSTRAINT risk_versions_pkey PRIMARY KEY (merchant_id, risk_id, version)
);
