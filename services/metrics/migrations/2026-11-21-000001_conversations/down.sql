DROP TABLE accounts_seen;
DROP FUNCTION ensure_month;
DROP TABLE conversation_facts;
DROP TABLE conversations;
