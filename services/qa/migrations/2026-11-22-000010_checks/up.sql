-- Versions of the rules by which chats are checked. Only a draft's text changes; version 0 is in the program.
CREATE TABLE check_rule_sets (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    -- The rules' JSON form, as it was given.
    rules text NOT NULL,
    note text NOT NULL,
    -- The first business day that it checks. Null for a draft.
    live_from date,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    published_by text NOT NULL DEFAULT '',
    published_at timestamptz,
    -- Dropped before it checked anything.
    retired_at timestamptz,
    -- Counts up with each change; the etag.
    revision bigint NOT NULL,
    CONSTRAINT check_rule_sets_pkey PRIMARY KEY (merchant_id, version)
);
CREATE UNIQUE INDEX check_rule_sets_day_key ON check_rule_sets (merchant_id, live_from) WHERE retired_at IS NULL;

-- Places whose checks are to be brought up to date: a day and a chat that is there, was there, or isn't any more. Only ever
-- added to by arrivals, so that these never wait; a place may be here twice.
CREATE TABLE check_queue (
    entry_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT check_queue_pkey PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL
);

-- Which chats are checked, by which version, and in which revision.
CREATE TABLE chat_checks (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    rule_set_version integer NOT NULL,
    hits integer NOT NULL,
    checked_at timestamptz NOT NULL,
    CONSTRAINT chat_checks_pkey PRIMARY KEY (merchant_id, business_day, conversation_id, channel, shop_id)
) PARTITION BY RANGE (business_day);

-- What was found, with the place to highlight.
CREATE TABLE check_hits (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    -- Made of the chat, rule, place and text: the same finding keeps it.
    hit_id uuid NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    rule_set_version integer NOT NULL,
    -- As in jinpai.qa.v1.CheckKind and CheckSeverity.
    kind smallint NOT NULL,
    severity smallint NOT NULL,
    message_index integer NOT NULL,
    -- Code points, then UTF-16 code units; ends are exclusive.
    starts_at integer NOT NULL,
    ends_at integer NOT NULL,
    utf16_starts_at integer NOT NULL,
    utf16_ends_at integer NOT NULL,
    excerpt text NOT NULL,
    -- What it rests on beside its place; null for most.
    evidence jsonb,
    found_at timestamptz NOT NULL,
    CONSTRAINT check_hits_pkey PRIMARY KEY (merchant_id, business_day, hit_id)
) PARTITION BY RANGE (business_day);
CREATE INDEX check_hits_of_chat ON check_hits (merchant_id, business_day, conversation_id, channel, shop_id);
CREATE INDEX check_hits_of_account ON check_hits (merchant_id, account_id, business_day, hit_id);
CREATE INDEX check_hits_of_rule ON check_hits (merchant_id, rule_id, business_day, hit_id);

-- Makes the partitions of a month, as conversations_ensure_month does for its table, and for the same reasons.
CREATE FUNCTION checks_ensure_month(month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    parent text;
    partition text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['chat_checks', 'check_hits'] LOOP
        partition := parent || '_' || to_char(first, 'YYYYMM');
        IF to_regclass(partition) IS NOT NULL THEN
            CONTINUE;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.checks_ensure_month', 0));
        IF to_regclass(partition) IS NOT NULL THEN
            CONTINUE;
        END IF;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING STORAGE)', partition, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            parent, partition, first, first + interval '1 month');
    END LOOP;
END
$$;

-- How many chats of an agent's day were checked. Figures are sums of these rows and stay when chats and hits are gone.
CREATE TABLE check_days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    -- A day has one version: its rules are those with a denominator.
    rule_set_version integer NOT NULL,
    chats integer NOT NULL,
    CONSTRAINT check_days_pkey PRIMARY KEY (merchant_id, business_day, account_id, shop_id)
);

-- And how many of them a rule hit.
CREATE TABLE check_counts (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    chats_hit integer NOT NULL,
    -- Of these, chats in which people disputed every hit of the rule.
    chats_refuted integer NOT NULL,
    hits integer NOT NULL,
    CONSTRAINT check_counts_pkey PRIMARY KEY (merchant_id, business_day, account_id, shop_id, rule_id)
);

-- What people said of hits. Rows are only ever added; the newest of a hit counts. It knows the rule by itself, because
-- hits end with their retention.
CREATE TABLE hit_judgements (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time.
    judgement_id uuid NOT NULL,
    hit_id uuid NOT NULL,
    -- Counts up per hit, from 1.
    number integer NOT NULL,
    business_day date NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    rule_set_version integer NOT NULL,
    -- 1 confirmed, 2 disputed.
    verdict smallint NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    note text NOT NULL,
    judged_at timestamptz NOT NULL,
    CONSTRAINT hit_judgements_pkey PRIMARY KEY (merchant_id, hit_id, number)
);
CREATE INDEX hit_judgements_by_day ON hit_judgements (merchant_id, business_day, rule_id);

-- Chats that are here already are checked, too.
INSERT INTO check_queue (merchant_id, business_day, shop_id, channel, conversation_id)
    SELECT merchant_id, business_day, shop_id, channel, conversation_id FROM conversations
    ORDER BY merchant_id, business_day;
