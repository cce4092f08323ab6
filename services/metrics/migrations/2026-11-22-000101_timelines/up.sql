-- A customer's conversations are counted together with the customer's facts.
CREATE INDEX conversation_facts_customer ON conversation_facts (merchant_id, shop_id, customer_id);

-- Customers of whom something came in since they were counted. Rows are only inserted, so writers never wait for each
-- other; the counter deletes them in the transaction that counts.
CREATE TABLE timeline_changes (
    merchant_id text COLLATE "C" NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    CONSTRAINT timeline_changes_pkey PRIMARY KEY (merchant_id, change_id)
);

-- What each customer of a shop gives to the days of accounts at the moment. The row is locked by whoever counts the
-- customer anew.
CREATE TABLE timelines (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    -- The newest definition under which it counts; it counts under all up to this one.
    counted_seq integer NOT NULL DEFAULT 0,
    -- Packed: by definition, day and account the sums, counts by bucket and topics; first byte is the format.
    contribution bytea NOT NULL DEFAULT '',
    CONSTRAINT timelines_pkey PRIMARY KEY (merchant_id, customer_id, shop_id)
);
-- Whoever builds a definition looks for those that are not counted under it.
CREATE INDEX timelines_counted ON timelines (merchant_id, counted_seq);

-- Which customers have anything to say about an account's day: where explanations and work lists begin to look.
CREATE TABLE timeline_days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    -- Empty for what is credited to nobody.
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    -- What there is, a bit per topic, counted or left out.
    topics integer NOT NULL,
    CONSTRAINT timeline_days_pkey PRIMARY KEY (merchant_id, business_day, account_id, shop_id, customer_id)
);

-- Whoever is known already is counted once.
INSERT INTO timeline_changes (merchant_id, shop_id, customer_id)
    SELECT DISTINCT merchant_id, shop_id, customer_id FROM conversation_facts;
