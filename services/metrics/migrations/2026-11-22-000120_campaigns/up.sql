CREATE TABLE campaigns (
    merchant_id text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    shops text[] NOT NULL,
    people text[] NOT NULL,
    plan jsonb NOT NULL,
    marks jsonb NOT NULL,
    cancel_reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT campaigns_pkey PRIMARY KEY (merchant_id, campaign_id),
    CONSTRAINT campaigns_state CHECK (state IN ('draft', 'published', 'ended', 'cancelled'))
);
COMMENT ON TABLE campaigns IS 'Campaigns as of their newest version.';
COMMENT ON COLUMN campaigns.starts_at IS 'First instant of the plan''s windows.';
COMMENT ON COLUMN campaigns.ends_at IS 'First instant after them, or when it was ended early.';
COMMENT ON COLUMN campaigns.ended_at IS 'When it was ended early; NULL if it was not.';
COMMENT ON COLUMN campaigns.shops IS 'Copied from the plan; empty for all shops.';
COMMENT ON COLUMN campaigns.people IS 'Who has a part in it and so sees the draft: owners, whom to call, and owners of items.';
COMMENT ON COLUMN campaigns.marks IS 'Done items: by item id, who said so, when, and what they added.';
CREATE INDEX campaigns_by_start ON campaigns (merchant_id, starts_at, campaign_id);
CREATE INDEX campaigns_to_end ON campaigns (ends_at) WHERE state = 'published';

CREATE TABLE campaign_versions (
    merchant_id text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    ended_at timestamptz,
    plan jsonb NOT NULL,
    cancel_reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT campaign_versions_pkey PRIMARY KEY (merchant_id, campaign_id, version)
);
COMMENT ON TABLE campaign_versions IS 'What campaigns were in each version that changed plan or state (marks make versions too, which have no row). Only added to.';

CREATE TABLE campaign_reviews (
    merchant_id text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    due_day date NOT NULL,
    document jsonb NOT NULL,
    comparison jsonb,
    submitted_by text,
    submitted_at timestamptz,
    CONSTRAINT campaign_reviews_pkey PRIMARY KEY (merchant_id, campaign_id)
);
COMMENT ON TABLE campaign_reviews IS 'What was learnt of campaigns; a row from a campaign''s end on.';
COMMENT ON COLUMN campaign_reviews.comparison IS 'The figures as they were when the review was submitted; NULL before.';
CREATE INDEX campaign_reviews_by_due_day ON campaign_reviews (merchant_id, due_day, campaign_id);
