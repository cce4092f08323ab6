-- Ids compare by their bytes: rows are locked in that order, and the program sorts in it too.
CREATE TABLE facts (
    merchant_id text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    kind smallint NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    content_hash bytea NOT NULL,
    business_day date NOT NULL,
    occurred_at timestamptz NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT facts_pkey PRIMARY KEY (merchant_id, fact_id, kind, shop_id)
);
COMMENT ON TABLE facts IS 'Business facts beside conversations, one row each: orders, payments, refunds and the other kinds. Whoever changes one locks it here.';
COMMENT ON COLUMN facts.kind IS 'By number as in the API: 1 order, 2 payment, 3 refund, 4 cart, 5 complaint, 6 satisfaction, 7 store rating, 8 buyer review, 9 bot event, 10 handling, 11 member sign-up, 12 recommendation.';
COMMENT ON COLUMN facts.content_hash IS 'SHA-256 of the raw content: tells a repeat from a conflict.';
COMMENT ON COLUMN facts.account_id IS 'Whom the platform names; empty if nobody.';
COMMENT ON COLUMN facts.body IS 'What the kind says, texts redacted, amounts in the currency''s smallest unit. The text of a review is not kept.';
CREATE INDEX facts_customer ON facts (merchant_id, shop_id, customer_id);
CREATE INDEX facts_day ON facts (merchant_id, kind, business_day);
