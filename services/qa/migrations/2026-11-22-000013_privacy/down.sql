DROP FUNCTION conversations_end_month(date);
DROP TABLE erasures;
DROP TABLE legal_holds;
ALTER TABLE conversations DROP COLUMN erased_at;
