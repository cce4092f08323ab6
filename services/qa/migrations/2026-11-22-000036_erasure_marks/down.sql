DROP INDEX erasures_of;
ALTER TABLE conversation_keys DROP COLUMN erased_at;
