CREATE INDEX conversation_facts_customer ON conversation_facts (merchant_id, shop_id, customer_id);

CREATE TABLE timeline_changes (
    merchant_id text COLLATE "C" NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    CONSTRAINT timeline_changes_pkey PRIMARY KEY (merchant_id, change_id)
);
COMMENT ON TABLE timeline_changes IS 'Customers of whom something came in since they were counted. Rows are only inserted, so writers never wait for each other; the counter deletes them in the transaction that counts.';

CREATE TABLE timelines (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    counted_seq integer NOT NULL DEFAULT 0,
    contribution bytea NOT NULL DEFAULT '',
    CONSTRAINT timelines_pkey PRIMARY KEY (merchant_id, customer_id, shop_id)
);
COMMENT ON TABLE timelines IS 'What each customer of a shop gives to the days of accounts at the moment. The row is locked by whoever counts the customer anew.';
COMMENT ON COLUMN timelines.counted_seq IS 'The newest definition under which it counts; it counts under all up to this one.';
COMMENT ON COLUMN timelines.contribution IS 'Packed: by definition, day and account the sums, counts by bucket and topics; first byte is the format.';
CREATE INDEX timelines_counted ON timelines (merchant_id, counted_seq);

CREATE TABLE timeline_days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    topics integer NOT NULL,
    CONSTRAINT timeline_days_pkey PRIMARY KEY (merchant_id, business_day, account_id, shop_id, customer_id)
);
COMMENT ON TABLE timeline_days IS 'Which customers have anything to say about an account''s day: where explanations and work lists begin to look.';
COMMENT ON COLUMN timeline_days.account_id IS 'Empty for what is credited to nobody.';
COMMENT ON COLUMN timeline_days.topics IS 'What there is, a bit per topic, counted or left out.';

-- Whoever is known already is counted once.
INSERT INTO timeline_changes (merchant_id, shop_id, customer_id)
    SELECT DISTINCT merchant_id, shop_id, customer_id FROM conversation_facts;
