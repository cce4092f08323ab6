DELETE FROM day_facts WHERE known_day = '0001-01-01';
UPDATE conversations SET known_day = '1970-01-01' WHERE known_day = '0001-01-01';
ALTER TABLE conversations ALTER COLUMN known_day DROP DEFAULT;
DROP TRIGGER day_customers_left_out ON day_customers;
DROP FUNCTION day_customers_left_out();
ALTER TABLE day_customers DROP COLUMN day_fact_id;
DROP TRIGGER day_facts_note_again ON day_facts;
DROP TRIGGER day_facts_note ON day_facts;
DROP FUNCTION day_facts_note();
DROP INDEX day_facts_to_recount;
ALTER TABLE day_facts
    DROP CONSTRAINT day_facts_pkey,
    ALTER COLUMN known_day DROP DEFAULT,
    DROP COLUMN day_fact_id;
UPDATE definitions SET rules = '{}' WHERE definition_seq = 1;
