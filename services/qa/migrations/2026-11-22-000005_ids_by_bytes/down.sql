ALTER TABLE conversations DROP CONSTRAINT conversations_pkey;
ALTER TABLE conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (merchant_id, business_day, shop_id, channel, conversation_id);
ALTER TABLE conversation_keys DROP CONSTRAINT conversation_keys_pkey;
ALTER TABLE conversation_keys
    ADD CONSTRAINT conversation_keys_pkey PRIMARY KEY (merchant_id, shop_id, channel, conversation_id);
DO $$
DECLARE
    changed record;
BEGIN
    FOR changed IN
        SELECT c.relname, string_agg(format('ALTER COLUMN %I TYPE text COLLATE "default"', a.attname), ', ') AS columns
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND a.atttypid = 'text'::regtype AND NOT a.attisdropped
            AND c.relname IN ('sampling_plans', 'scorecards', 'conversation_keys', 'conversations', 'conversation_reads', 'seeds',
                'day_closings', 'day_closing_agents', 'draws', 'draw_agents', 'late_chats', 'reviews', 'reviewers')
        GROUP BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %I %s', changed.relname, changed.columns);
    END LOOP;
END
$$;
