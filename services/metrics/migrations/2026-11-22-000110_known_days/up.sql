-- Day facts are kept per day on which they became known, so that figures can be read as they were known on a day.
--
-- What was counted before is counted again from the packed facts (customers answered in time were not counted then):
-- the built-in definition gets a row that the builder of definitions takes up, like those that merchants put.

DROP TABLE day_customers;
DROP TABLE day_facts;

-- What became known on a day of an account's day in a shop under one definition: additive integers that may be
-- negative. All rows of the account's day together are its figures; those up to a known day are the figures as
-- known then. Changed only by adding, in the transaction of the conversation.
CREATE TABLE day_facts (
    merchant_id text COLLATE "C" NOT NULL,
    definition_seq integer NOT NULL,
    business_day date NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    -- Business day on which the change was committed.
    known_day date NOT NULL,
    -- Short name of the account's day for its customers: the same on all its rows, made of the key
    -- (domain::tally::DayKey).
    agent_day_id uuid NOT NULL,
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
    due_customers bigint NOT NULL DEFAULT 0,
    in_time_customers bigint NOT NULL DEFAULT 0,
    transferred_in bigint NOT NULL DEFAULT 0,
    transferred_out bigint NOT NULL DEFAULT 0,
    -- By how much the number of response times in each fixed bucket changed, packed: distance to the bucket
    -- before, count. So are first_responses and lengths.
    responses bytea NOT NULL DEFAULT '',
    first_responses bytea NOT NULL DEFAULT '',
    lengths bytea NOT NULL DEFAULT '',
    CONSTRAINT day_facts_known_pkey
        PRIMARY KEY (merchant_id, definition_seq, business_day, shop_id, account_id, known_day)
) WITH (fillfactor = 70);

-- In how many conversations of the day a customer wrote, was answered, was received, had a round that decides
-- about in time, and was late in it: a customer counts once however many there are. Whoever changes a count notes
-- the customers that came to or left zero under the known day of the change.
CREATE TABLE day_customers (
    merchant_id text COLLATE "C" NOT NULL,
    agent_day_id uuid NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    asked integer NOT NULL,
    answered integer NOT NULL,
    received integer NOT NULL,
    due integer NOT NULL,
    late integer NOT NULL,
    CONSTRAINT day_customers_pkey PRIMARY KEY (merchant_id, agent_day_id, customer_id)
) WITH (fillfactor = 90);

-- On which days anything became known about a business day: decides when the day is final, and tells that it was
-- restated.
CREATE TABLE day_knowledge (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    known_day date NOT NULL,
    CONSTRAINT day_knowledge_pkey PRIMARY KEY (merchant_id, business_day, known_day)
);

-- Business days that were told of as final (AgentDayFinalised), and the last version told.
CREATE TABLE final_days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    version bigint NOT NULL,
    -- What was known at the end of this day is in that version.
    known_day date NOT NULL,
    finalised_at timestamptz NOT NULL,
    CONSTRAINT final_days_pkey PRIMARY KEY (merchant_id, business_day)
);

-- Business day on which the stored revision was committed; 1970-01-01 if from before that was noted.
ALTER TABLE conversations ADD COLUMN known_day date NOT NULL DEFAULT '1970-01-01';
ALTER TABLE conversations ALTER COLUMN known_day DROP DEFAULT;

-- First business day that the version rules; NULL rules all days before too.
ALTER TABLE definitions ADD COLUMN valid_from date;

UPDATE conversations SET counted_seq = 0;
UPDATE definitions SET ready = false, built = 0, built_through = NULL;
INSERT INTO definitions (merchant_id, definition_seq, definition_id, version, name, rules, ready, created_by, created_at)
SELECT DISTINCT merchant_id, 1, 'standard', 1, '', '{}'::jsonb, false, '', now() FROM conversations;
