DROP TABLE timeline_days;
DROP TABLE timelines;
DROP TABLE timeline_changes;
DROP INDEX conversation_facts_customer;
