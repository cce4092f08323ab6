-- A drawn chat and what a reviewer made of it. Which chats are drawn is also said here: a row per drawn chat.
CREATE TABLE reviews (
    merchant_id text NOT NULL,
    review_id uuid NOT NULL,
    business_day date NOT NULL,
    account_id text NOT NULL,
    shop_id text NOT NULL,
    channel text NOT NULL,
    conversation_id text NOT NULL,
    -- Added by the late rule.
    late boolean NOT NULL,
    -- Place in its account's sample, 1 for the lowest rank; 0 for late ones. Work is handed out by place, so that a
    -- lack of reviewers takes from every agent alike and what is reviewed stays a random sample.
    place smallint NOT NULL,
    inclusion_numerator bigint NOT NULL,
    inclusion_denominator bigint NOT NULL,
    -- 1 unassigned, 2 assigned, 3 submitted, 4 acknowledged.
    state smallint NOT NULL,
    reviewer_person_id text,
    due_day date,
    scorecard_id text,
    scorecard_version integer,
    -- Scores, critical errors, comments, summary.
    assessment jsonb,
    score_bp integer,
    critical_failure boolean NOT NULL DEFAULT false,
    submitted_at timestamptz,
    acknowledged_at timestamptz,
    acknowledgement_note text,
    -- Counts up with each change; the etag and the version of its events.
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT reviews_pkey PRIMARY KEY (merchant_id, review_id),
    CONSTRAINT reviews_chat_key UNIQUE (merchant_id, business_day, shop_id, channel, conversation_id),
    CONSTRAINT reviews_assigned CHECK ((state = 1) = (reviewer_person_id IS NULL)),
    CONSTRAINT reviews_scored CHECK ((state >= 3) = (submitted_at IS NOT NULL))
);
CREATE INDEX reviews_listed ON reviews (merchant_id, business_day, review_id);
CREATE INDEX reviews_queue ON reviews (merchant_id, reviewer_person_id, business_day, review_id);
CREATE INDEX reviews_agent_day ON reviews (merchant_id, business_day, account_id);
-- The work left without a reviewer, oldest first, and what a reviewer has to do on a day.
CREATE INDEX reviews_unassigned ON reviews (merchant_id, business_day, place, account_id) WHERE state = 1;
CREATE INDEX reviews_load ON reviews (merchant_id, due_day, reviewer_person_id) WHERE due_day IS NOT NULL;

-- Who reviews, and how much.
CREATE TABLE reviewers (
    merchant_id text NOT NULL,
    person_id text NOT NULL,
    -- Reviews per due day.
    capacity integer NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT reviewers_pkey PRIMARY KEY (merchant_id, person_id)
);
