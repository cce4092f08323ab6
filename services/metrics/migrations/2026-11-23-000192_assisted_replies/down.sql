ALTER TABLE day_facts DROP COLUMN assisted_replies;
