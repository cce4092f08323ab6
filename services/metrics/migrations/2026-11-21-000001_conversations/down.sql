DROP TABLE accounts_seen;
DROP FUNCTION conversation_facts_ensure_month;
DROP TABLE conversation_facts;
DROP TABLE conversations;
