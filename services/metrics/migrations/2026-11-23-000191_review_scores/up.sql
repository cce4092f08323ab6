-- The newest score of each review that qa told of: what gains in speed are held against. Neither the chat nor its customer is
-- kept, so nothing here has to be erased with them.
CREATE TABLE review_scores (
    merchant_id text COLLATE "C" NOT NULL,
    review_id text COLLATE "C" NOT NULL,
    -- qa's version of the review: an older one is not taken over a newer one.
    version bigint NOT NULL,
    -- Of the chat that was reviewed.
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    -- Basis points: 10000 is the full score. NULL if the newest result has none, or its reviewer was out of calibration.
    score_bp integer,
    CONSTRAINT review_scores_pkey PRIMARY KEY (merchant_id, review_id),
    CONSTRAINT review_scores_score CHECK (score_bp BETWEEN 0 AND 10000)
);
-- Scores of some days are added up.
CREATE INDEX review_scores_day ON review_scores (merchant_id, business_day);
