ALTER TABLE definitions DROP COLUMN valid_from;
ALTER TABLE conversations DROP COLUMN known_day;
DROP TABLE final_days;
DROP TABLE day_knowledge;
DROP TABLE day_customers;
DROP TABLE day_facts;

CREATE TABLE day_facts (
    merchant_id text COLLATE "C" NOT NULL,
    definition_seq integer NOT NULL,
    business_day date NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    day_fact_id bigint GENERATED ALWAYS AS IDENTITY,
    conversations bigint NOT NULL DEFAULT 0,
    replies bigint NOT NULL DEFAULT 0,
    quick_replies bigint NOT NULL DEFAULT 0,
    customer_messages bigint NOT NULL DEFAULT 0,
    rounds bigint NOT NULL DEFAULT 0,
    rounds_answered bigint NOT NULL DEFAULT 0,
    rounds_in_time bigint NOT NULL DEFAULT 0,
    response_ms bigint NOT NULL DEFAULT 0,
    first_asked bigint NOT NULL DEFAULT 0,
    first_answered bigint NOT NULL DEFAULT 0,
    first_in_time bigint NOT NULL DEFAULT 0,
    first_response_ms bigint NOT NULL DEFAULT 0,
    long_chats bigint NOT NULL DEFAULT 0,
    satisfied bigint NOT NULL DEFAULT 0,
    rated bigint NOT NULL DEFAULT 0,
    completed bigint NOT NULL DEFAULT 0,
    marked bigint NOT NULL DEFAULT 0,
    length_ms bigint NOT NULL DEFAULT 0,
    asking_customers bigint NOT NULL DEFAULT 0,
    answered_customers bigint NOT NULL DEFAULT 0,
    received_customers bigint NOT NULL DEFAULT 0,
    responses bytea NOT NULL DEFAULT '',
    first_responses bytea NOT NULL DEFAULT '',
    lengths bytea NOT NULL DEFAULT '',
    CONSTRAINT day_facts_pkey PRIMARY KEY (merchant_id, definition_seq, business_day, shop_id, account_id),
    CONSTRAINT day_facts_id_key UNIQUE (merchant_id, day_fact_id)
) WITH (fillfactor = 70);
CREATE TABLE day_customers (
    merchant_id text COLLATE "C" NOT NULL,
    day_fact_id bigint NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    asked integer NOT NULL,
    answered integer NOT NULL,
    received integer NOT NULL,
    CONSTRAINT day_customers_pkey PRIMARY KEY (merchant_id, day_fact_id, customer_id)
) WITH (fillfactor = 90);
