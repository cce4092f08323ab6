-- Which conversation is where: identity without partitions, so that a revision finds the day it was on before.
CREATE TABLE conversation_keys (
    merchant_id text NOT NULL,
    shop_id text NOT NULL,
    channel text NOT NULL,
    conversation_id text NOT NULL,
    business_day date NOT NULL,
    revision bigint NOT NULL,
    -- The day before the latest revision; tells the writer which row to take away.
    day_before date,
    CONSTRAINT conversation_keys_pkey PRIMARY KEY (merchant_id, shop_id, channel, conversation_id)
);

-- Redacted transcripts with what the draw needs to know of them.
CREATE TABLE conversations (
    merchant_id text NOT NULL,
    business_day date NOT NULL,
    account_id text NOT NULL,
    shop_id text NOT NULL,
    channel text NOT NULL,
    conversation_id text NOT NULL,
    revision bigint NOT NULL,
    customer_id text NOT NULL,
    started_at timestamptz NOT NULL,
    closed_at timestamptz NOT NULL,
    -- Messages of the human agent, quick replies included, as metrics counted them.
    agent_messages integer NOT NULL,
    message_count integer NOT NULL,
    satisfied boolean,
    completed boolean,
    -- Long by the plan of its day.
    long_chat boolean NOT NULL,
    -- The place in the day's draw. Null for chats that are not long, and for those that came after the draw.
    rank bytea,
    arrived_at timestamptz NOT NULL,
    -- zstd over JSON: [[offset from started_at in ms, sender, quick reply, text], …].
    transcript bytea NOT NULL,
    CONSTRAINT conversations_pkey PRIMARY KEY (merchant_id, business_day, shop_id, channel, conversation_id)
) PARTITION BY RANGE (business_day);

-- Already compressed: Postgres need not try again.
ALTER TABLE conversations ALTER COLUMN transcript SET STORAGE EXTERNAL;

-- The draw reads the first entries of each account here and nothing else.
CREATE INDEX conversations_rank ON conversations (merchant_id, business_day, account_id, rank)
    INCLUDE (shop_id, channel, conversation_id) WHERE rank IS NOT NULL;
-- Counting a day for its completeness reads this index only.
CREATE INDEX conversations_day ON conversations (merchant_id, business_day, account_id) INCLUDE (agent_messages, long_chat);

-- Makes the partition of a month. The service's runtime role may not create tables; this function may, and does
-- nothing else. Attaching takes a weaker lock than CREATE TABLE … PARTITION OF, so readers and writers go on.
CREATE FUNCTION conversations_ensure_month(month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    partition text := 'conversations_' || to_char(first, 'YYYYMM');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.conversations_ensure_month', 0));
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE conversations INCLUDING DEFAULTS INCLUDING STORAGE)', partition);
    EXECUTE format('ALTER TABLE conversations ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first, first + interval '1 month');
END
$$;

-- The access log: who read which chat. Rows are only ever added.
CREATE TABLE conversation_reads (
    merchant_id text NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time.
    read_id uuid NOT NULL,
    shop_id text NOT NULL,
    channel text NOT NULL,
    conversation_id text NOT NULL,
    business_day date NOT NULL,
    account_id text NOT NULL,
    subject text NOT NULL,
    person_id text,
    read_at timestamptz NOT NULL,
    request_id text NOT NULL,
    CONSTRAINT conversation_reads_pkey PRIMARY KEY (merchant_id, read_id)
);
CREATE INDEX conversation_reads_of ON conversation_reads (merchant_id, shop_id, channel, conversation_id, read_id);
