-- Business facts beside conversations, one row each. Whoever changes one locks it here. Ids compare by their bytes: rows
-- are locked in that order, and the program sorts in it too.
CREATE TABLE facts (
    merchant_id text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    -- By number as in the API: 1 order, 2 payment, 3 refund, 4 cart, 5 complaint, 6 satisfaction, 7 store rating,
    -- 8 buyer review, 9 bot event, 10 handling, 11 member sign-up, 12 recommendation.
    kind smallint NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    -- SHA-256 of the raw content: tells a repeat from a conflict.
    content_hash bytea NOT NULL,
    business_day date NOT NULL,
    occurred_at timestamptz NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    -- Whom the platform names; empty if nobody.
    account_id text COLLATE "C" NOT NULL,
    -- What the kind says, texts redacted, amounts in the currency's smallest unit. The text of a review is not kept.
    body jsonb NOT NULL,
    CONSTRAINT facts_pkey PRIMARY KEY (merchant_id, fact_id, kind, shop_id)
);
-- A customer's facts are counted together; a day's facts of a kind are listed together.
CREATE INDEX facts_customer ON facts (merchant_id, shop_id, customer_id);
CREATE INDEX facts_day ON facts (merchant_id, kind, business_day);
