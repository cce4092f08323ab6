DO $$
DECLARE
    changed record;
BEGIN
    FOR changed IN
        SELECT c.relname, string_agg(format('ALTER COLUMN %I TYPE text COLLATE "default"', a.attname), ', ') AS columns
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND a.atttypid = 'text'::regtype AND NOT a.attisdropped
            AND c.relname IN ('merchants', 'shops', 'teams', 'people', 'accounts', 'memberships')
        GROUP BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %I %s', changed.relname, changed.columns);
    END LOOP;
END
$$;
