-- Which assessment of a review holds, until when its agent may appeal, whether its reviewer was calibrated.
ALTER TABLE reviews
    ADD COLUMN assessment_version integer NOT NULL DEFAULT 0,
    ADD COLUMN appeal_until date,
    ADD COLUMN counts_for_pay boolean NOT NULL DEFAULT true;
UPDATE reviews SET assessment_version = 1 WHERE submitted_at IS NOT NULL;

-- Every version of what was made of a chat. Rows are only ever added; the review's own columns repeat the newest.
CREATE TABLE assessments (
    merchant_id text COLLATE "C" NOT NULL,
    review_id uuid NOT NULL,
    version integer NOT NULL,
    reviewer_person_id text COLLATE "C" NOT NULL,
    -- The appeal that led to it; null for the first one.
    appeal_id uuid,
    scorecard_id text COLLATE "C" NOT NULL,
    scorecard_version integer NOT NULL,
    -- Scores, critical errors, comments, summary.
    assessment jsonb NOT NULL,
    score_bp integer,
    critical_failure boolean NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT assessments_pkey PRIMARY KEY (merchant_id, review_id, version)
);
INSERT INTO assessments (merchant_id, review_id, version, reviewer_person_id, scorecard_id, scorecard_version, assessment,
    score_bp, critical_failure, made_at)
SELECT merchant_id, review_id, 1, reviewer_person_id, scorecard_id, scorecard_version, assessment, score_bp,
    critical_failure, submitted_at
FROM reviews WHERE submitted_at IS NOT NULL;
-- What a rater made, newest first.
CREATE INDEX assessments_of_reviewer ON assessments (merchant_id, reviewer_person_id, made_at) WHERE version = 1;

-- Objections to assessments.
CREATE TABLE appeals (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time of filing.
    appeal_id uuid NOT NULL,
    review_id uuid NOT NULL,
    assessment_version integer NOT NULL,
    filed_by_person_id text COLLATE "C" NOT NULL,
    filed_at timestamptz NOT NULL,
    comment text NOT NULL,
    -- Scores that the agent thinks right.
    proposed jsonb NOT NULL,
    first_reviewer_person_id text COLLATE "C" NOT NULL,
    second_reviewer_person_id text COLLATE "C",
    due_day date NOT NULL,
    -- 1 open, 2 rejected, 3 partly upheld, 4 upheld, 5 withdrawn.
    state smallint NOT NULL,
    decision_comment text,
    -- When it was decided or withdrawn.
    ended_at timestamptz,
    score_bp_before integer,
    score_bp_after integer,
    -- Counts up with each change; the etag.
    revision bigint NOT NULL,
    CONSTRAINT appeals_pkey PRIMARY KEY (merchant_id, appeal_id),
    CONSTRAINT appeals_ended CHECK ((state = 1) = (ended_at IS NULL))
);
-- An assessment is appealed against once, unless that is taken back.
CREATE UNIQUE INDEX appeals_assessment_key ON appeals (merchant_id, review_id, assessment_version) WHERE state <> 5;
CREATE INDEX appeals_to_decide ON appeals (merchant_id, second_reviewer_person_id, due_day) WHERE state = 1;
CREATE INDEX appeals_of_first ON appeals (merchant_id, first_reviewer_person_id, ended_at) WHERE state IN (2, 3, 4);

-- Chats on which an appeal was upheld: what raters should talk about next.
CREATE TABLE calibration_cases (
    merchant_id text COLLATE "C" NOT NULL,
    -- The appeal's id: sorted by it is sorted by time of filing.
    case_id uuid NOT NULL,
    review_id uuid NOT NULL,
    -- Criteria that the second reviewer judged otherwise.
    criteria text[] NOT NULL,
    opened_at timestamptz NOT NULL,
    -- The session that takes it up; null while none does.
    session_id uuid,
    CONSTRAINT calibration_cases_pkey PRIMARY KEY (merchant_id, case_id)
);
