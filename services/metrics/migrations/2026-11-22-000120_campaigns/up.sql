-- Campaigns as of their newest version.
CREATE TABLE campaigns (
    merchant_id text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    -- First instant of the plan's windows.
    starts_at timestamptz NOT NULL,
    -- First instant after them, or when it was ended early.
    ends_at timestamptz NOT NULL,
    -- When it was ended early; NULL if it was not.
    ended_at timestamptz,
    -- Copied from the plan; empty for all shops.
    shops text[] NOT NULL,
    -- Who has a part in it and so sees the draft: owners, whom to call, and owners of items.
    people text[] NOT NULL,
    plan jsonb NOT NULL,
    -- Done items: by item id, who said so, when, and what they added.
    marks jsonb NOT NULL,
    cancel_reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT campaigns_pkey PRIMARY KEY (merchant_id, campaign_id),
    CONSTRAINT campaigns_state CHECK (state IN ('draft', 'published', 'ended', 'cancelled'))
);
CREATE INDEX campaigns_by_start ON campaigns (merchant_id, starts_at, campaign_id);
CREATE INDEX campaigns_to_end ON campaigns (ends_at) WHERE state = 'published';

-- What campaigns were in each version that changed plan or state (marks make versions too, which have no row). Only
-- added to.
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

-- What was learnt of campaigns; a row from a campaign's end on.
CREATE TABLE campaign_reviews (
    merchant_id text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    due_day date NOT NULL,
    document jsonb NOT NULL,
    -- The figures as they were when the review was submitted; NULL before.
    comparison jsonb,
    submitted_by text,
    submitted_at timestamptz,
    CONSTRAINT campaign_reviews_pkey PRIMARY KEY (merchant_id, campaign_id)
);
CREATE INDEX campaign_reviews_by_due_day ON campaign_reviews (merchant_id, due_day, campaign_id);
