-- How many chats of an agent's day are reviewed for their hits, beside the random sample. A version never changes.
CREATE TABLE risk_plans (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    effective_from date NOT NULL,
    per_agent_day integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT risk_plans_pkey PRIMARY KEY (merchant_id, version),
    CONSTRAINT risk_plans_day_key UNIQUE (merchant_id, effective_from)
);

-- Days whose chats were picked by their hits.
CREATE TABLE risk_days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    plan_version integer NOT NULL,
    picked integer NOT NULL,
    picked_at timestamptz NOT NULL,
    CONSTRAINT risk_days_pkey PRIMARY KEY (merchant_id, business_day)
);

-- Chats that were picked for their hits, and what a reviewer made of them. They are not in `reviews`, so that no figure of the
-- random sample can count them by mistake.
CREATE TABLE risk_reviews (
    merchant_id text COLLATE "C" NOT NULL,
    review_id uuid NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    -- From 1, the heaviest of its account's day first.
    place smallint NOT NULL,
    -- Hits by severity when it was picked.
    critical integer NOT NULL,
    major integer NOT NULL,
    minor integer NOT NULL,
    rule_ids text[] COLLATE "C" NOT NULL,
    picked_at timestamptz NOT NULL,
    reviewer_person_id text COLLATE "C",
    scorecard_id text COLLATE "C",
    scorecard_version integer,
    -- As in reviews.
    assessment jsonb,
    score_bp integer,
    critical_failure boolean NOT NULL DEFAULT false,
    submitted_at timestamptz,
    CONSTRAINT risk_reviews_pkey PRIMARY KEY (merchant_id, review_id),
    CONSTRAINT risk_reviews_chat_key UNIQUE (merchant_id, business_day, conversation_id, channel, shop_id),
    CONSTRAINT risk_reviews_scored CHECK ((submitted_at IS NULL) = (assessment IS NULL))
);
CREATE INDEX risk_reviews_listed ON risk_reviews (merchant_id, business_day, review_id);
