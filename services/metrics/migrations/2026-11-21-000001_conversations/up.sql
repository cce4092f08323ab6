-- Ids compare by their bytes: rows are locked in that order, and the program sorts in it too.

-- Which conversations there are: identity, revision, and where the facts are. One row each, the id first in the key
-- because it alone tells nearly all apart; whoever changes a conversation locks it here first.
CREATE TABLE conversations (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    -- SHA-256 of the raw content: tells a repeat from a conflict.
    content_hash bytea NOT NULL,
    -- The newest definition under which it counts; it counts under all up to this one.
    counted_seq integer NOT NULL,
    CONSTRAINT conversations_pkey PRIMARY KEY (merchant_id, conversation_id, channel, shop_id)
);

-- What is counted of a conversation, without text. A partition per month of business day, made by
-- conversation_facts_ensure_month.
CREATE TABLE conversation_facts (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    started_at timestamptz NOT NULL,
    -- Human messages of the agent, quick replies included: more than ten make a long chat.
    agent_messages integer NOT NULL,
    -- Packed answers and messages (offset, sender, flags, length); first byte is the format.
    facts bytea NOT NULL,
    CONSTRAINT conversation_facts_pkey
        PRIMARY KEY (merchant_id, business_day, account_id, conversation_id, channel, shop_id)
) PARTITION BY RANGE (business_day);

-- Makes the partition of the month if it is missing. Safe to call at any time, by many at once.
-- The runtime role may not create tables, so the owner lends it this one right. Attaching takes a lock that lets
-- writers of other months go on; CREATE TABLE ... PARTITION OF would stop them all.
CREATE FUNCTION conversation_facts_ensure_month(month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first_day date := date_trunc('month', month)::date;
    next_month date := (date_trunc('month', month) + interval '1 month')::date;
    name text := 'conversation_facts_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.conversation_facts_ensure_month', 0));
    -- Whoever had the lock before may have made it. to_regclass would still answer from what this session remembers;
    -- a query looks.
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = current_schema()::regnamespace) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE conversation_facts INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE conversation_facts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first_day, next_month);
END
$$;

-- Accounts met in conversations; each was told of by AgentSeen once.
CREATE TABLE accounts_seen (
    merchant_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    first_day date NOT NULL,
    CONSTRAINT accounts_seen_pkey PRIMARY KEY (merchant_id, account_id)
);
