-- What each customer is to a shop as of the day on which they were worked out last. Written by the counter together with
-- the customer's timeline; the rows of purchases and lost_inquiries are put anew with this one whenever it changes.
CREATE TABLE customers (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    -- SHA-256 of all that is derived of the customer: the same again is not written again.
    content_hash bytea NOT NULL,
    -- Number of jinpai.metrics.v1.CustomerTier.
    tier smallint NOT NULL,
    member_level text NOT NULL,
    -- Who received the customer last, and when: whose row it is. Empty if nobody ever did.
    account_id text COLLATE "C" NOT NULL,
    account_day date NOT NULL,
    first_seen date NOT NULL,
    last_seen date NOT NULL,
    last_paid date,
    -- In the window of the rules.
    orders integer NOT NULL,
    net_amount bigint NOT NULL,
    months integer NOT NULL,
    orders_ever integer NOT NULL,
    -- Number of jinpai.metrics.v1.CustomerRiskKind; 0 is none.
    risk smallint NOT NULL,
    -- Since when, the usual gap and the limit.
    risk_since date,
    risk_usual_gap_days integer NOT NULL,
    risk_limit_days integer NOT NULL,
    rules_version integer NOT NULL,
    -- The day on which mere time changes tier or risk; empty if it doesn't.
    look_again_day date,
    CONSTRAINT customers_pkey PRIMARY KEY (merchant_id, shop_id, customer_id)
);
-- As lists are ordered.
CREATE INDEX customers_by_tier ON customers (merchant_id, (-tier), (-net_amount), shop_id, customer_id);
CREATE INDEX customers_look_again ON customers (merchant_id, look_again_day) WHERE look_again_day IS NOT NULL;

-- Paid orders that are not excluded, for who comes back.
CREATE TABLE purchases (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    -- Of the first payment, and who gets its credit; empty for nobody.
    paid_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    -- Paid, without completed refunds.
    net_amount bigint NOT NULL,
    CONSTRAINT purchases_pkey PRIMARY KEY (merchant_id, shop_id, customer_id, order_id)
);
CREATE INDEX purchases_by_day ON purchases (merchant_id, paid_day);

-- Versions of the rules about customers that merchants put; the highest one counts.
CREATE TABLE tier_rules (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT tier_rules_pkey PRIMARY KEY (merchant_id, version)
);
