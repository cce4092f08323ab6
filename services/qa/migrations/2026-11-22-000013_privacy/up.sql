-- When a customer had this chat erased. Its transcript and customer are gone; what was counted of it stays.
ALTER TABLE conversations ADD COLUMN erased_at timestamptz;

-- What must not be erased or end with its retention (证据保留): one chat, or the chats of an account or of everybody on some
-- days. Rows stay when a hold is lifted.
CREATE TABLE legal_holds (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time.
    hold_id uuid NOT NULL,
    -- Empty for a run of days.
    shop_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    -- Empty for everybody, and for a chat.
    account_id text COLLATE "C" NOT NULL,
    -- Both ends included; all days for a chat, which a correction may move.
    from_day date NOT NULL,
    to_day date NOT NULL,
    reason text NOT NULL,
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL,
    lifted_by text NOT NULL DEFAULT '',
    lifted_at timestamptz,
    lift_reason text NOT NULL DEFAULT '',
    CONSTRAINT legal_holds_pkey PRIMARY KEY (merchant_id, hold_id)
);
CREATE INDEX legal_holds_in_force ON legal_holds (merchant_id) WHERE lifted_at IS NULL;

-- Customers whose chats are to be erased: a job that goes from day to day.
CREATE TABLE erasures (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time.
    erasure_id uuid NOT NULL,
    -- Empty when it is done: what stays is the hash.
    customer_id text COLLATE "C" NOT NULL,
    -- SHA-256 of merchant and customer.
    customer_hash bytea NOT NULL,
    reason text NOT NULL,
    -- The day that was gone through last. Null before the first.
    at_day date,
    chats_erased bigint NOT NULL DEFAULT 0,
    -- Held chats of the customer, which stay.
    chats_held bigint NOT NULL DEFAULT 0,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT erasures_pkey PRIMARY KEY (merchant_id, erasure_id)
);
CREATE INDEX erasures_open ON erasures (erasure_id) WHERE finished_at IS NULL;

-- Ends the retention of a month: takes its chats, checks and hits away but for those that are held, and gives how many
-- chats stay for that. A partition without held rows is dropped; one with them is exchanged for one that holds nothing else. The
-- runtime role may not drop tables; this function may, and only such as hold months that are long over.
CREATE FUNCTION conversations_end_month(month date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    next date := (first + interval '1 month')::date;
    parent text;
    partition text;
    rest text;
    here bigint;
    kept bigint;
    chats bigint := 0;
    any_held boolean;
BEGIN
    IF first + interval '2 months' > now() THEN
        RAISE EXCEPTION 'the month of % is not over long enough', first;
    END IF;
    -- Exchanging a partition waits for whoever uses its table, and everybody else for it: not for long.
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.conversations_end_month', 0));
    -- Holds that are placed meanwhile wait, and then find what is left.
    LOCK TABLE legal_holds IN SHARE MODE;
    any_held := EXISTS (SELECT FROM legal_holds h WHERE h.lifted_at IS NULL AND h.from_day < next AND h.to_day >= first);
    FOREACH parent IN ARRAY ARRAY['conversations', 'chat_checks', 'check_hits'] LOOP
        partition := parent || '_' || to_char(first, 'YYYYMM');
        IF to_regclass(partition) IS NULL THEN
            CONTINUE;
        END IF;
        rest := partition || '_held';
        kept := 0;
        IF any_held THEN
            EXECUTE format('SELECT count(*) FROM %I', partition) INTO here;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING STORAGE)', rest, parent);
            EXECUTE format('INSERT INTO %I SELECT c.* FROM %I c WHERE EXISTS (SELECT FROM legal_holds h '
                'WHERE h.merchant_id = c.merchant_id AND h.lifted_at IS NULL AND c.business_day BETWEEN h.from_day AND h.to_day '
                'AND (h.account_id = '''' OR h.account_id = c.account_id) AND (h.conversation_id = '''' OR '
                '(h.conversation_id = c.conversation_id AND h.channel = c.channel AND h.shop_id = c.shop_id)))', rest, partition);
            GET DIAGNOSTICS kept = ROW_COUNT;
            IF parent = 'conversations' THEN
                chats := kept;
            END IF;
            IF kept = here AND kept > 0 THEN
                EXECUTE format('DROP TABLE %I', rest);
                CONTINUE;
            END IF;
        END IF;
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, partition);
        EXECUTE format('DROP TABLE %I', partition);
        IF kept > 0 THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', rest, partition);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, first, next);
        ELSIF any_held THEN
            EXECUTE format('DROP TABLE %I', rest);
        END IF;
    END LOOP;
    RETURN chats;
END
$$;
