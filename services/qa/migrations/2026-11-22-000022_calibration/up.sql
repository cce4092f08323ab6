-- Sessions in which several raters judge the same chats.
CREATE TABLE calibration_sessions (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time of opening.
    session_id uuid NOT NULL,
    name text NOT NULL,
    scorecard_id text COLLATE "C" NOT NULL,
    scorecard_version integer NOT NULL,
    raters text[] NOT NULL,
    expert_person_id text COLLATE "C",
    due_day date NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    -- Null while it is open.
    closed_at timestamptz,
    -- Counts up with each change of state; the etag.
    revision bigint NOT NULL,
    CONSTRAINT calibration_sessions_pkey PRIMARY KEY (merchant_id, session_id)
);
CREATE TABLE calibration_chats (
    merchant_id text COLLATE "C" NOT NULL,
    session_id uuid NOT NULL,
    -- From 0.
    place integer NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    CONSTRAINT calibration_chats_pkey PRIMARY KEY (merchant_id, session_id, place)
);
CREATE TABLE calibration_ratings (
    merchant_id text COLLATE "C" NOT NULL,
    session_id uuid NOT NULL,
    place integer NOT NULL,
    rater_person_id text COLLATE "C" NOT NULL,
    -- Scores, critical errors, summary.
    assessment jsonb NOT NULL,
    score_bp integer,
    critical_failure boolean NOT NULL,
    rated_at timestamptz NOT NULL,
    CONSTRAINT calibration_ratings_pkey PRIMARY KEY (merchant_id, session_id, place, rater_person_id)
);

-- What the policy's rule said of each rater when a session of theirs was last closed.
CREATE TABLE rater_calibrations (
    merchant_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    -- 1 calibrated, 2 out, 3 undecided.
    state smallint NOT NULL,
    -- Stays once it is set, until the rule says calibrated. New reviews don't count for pay while it is.
    out_of_calibration boolean NOT NULL,
    shared_chats integer NOT NULL,
    -- In basis points of the score.
    severity double precision,
    severity_low double precision,
    severity_high double precision,
    agreement double precision,
    agreement_low double precision,
    agreement_high double precision,
    judged_at timestamptz NOT NULL,
    CONSTRAINT rater_calibrations_pkey PRIMARY KEY (merchant_id, person_id)
);
