-- Where people are clearly worse than their colleagues: a training need, from when it was found until it got better.
CREATE TABLE weaknesses (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time.
    weakness_id uuid NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    -- 1 a rule of the checks, 2 a criterion of reviews.
    kind smallint NOT NULL,
    -- The rule's or the criterion's id.
    subject_id text COLLATE "C" NOT NULL,
    -- What it rests on: days, the person's figure and the others', both with intervals.
    finding jsonb NOT NULL,
    -- Hits or reviews to look at.
    evidence jsonb NOT NULL,
    found_at timestamptz NOT NULL,
    -- What it rests on that it got better.
    better jsonb,
    closed_at timestamptz,
    CONSTRAINT weaknesses_pkey PRIMARY KEY (merchant_id, weakness_id),
    CONSTRAINT weaknesses_closed CHECK ((better IS NULL) = (closed_at IS NULL))
);
-- One at a time of a kind.
CREATE UNIQUE INDEX weaknesses_open ON weaknesses (merchant_id, person_id, kind, subject_id) WHERE closed_at IS NULL;

-- Days up to which weaknesses were looked for.
CREATE TABLE weakness_looks (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    looked_at timestamptz NOT NULL,
    CONSTRAINT weakness_looks_pkey PRIMARY KEY (merchant_id, business_day)
);
