DROP TABLE conversation_reads;
DROP FUNCTION conversations_ensure_month(date);
DROP TABLE conversations;
DROP TABLE conversation_keys;
