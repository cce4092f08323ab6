-- Replies that the bot proposed and the agent sent. No conversation had such a mark before, so nothing is counted again.
ALTER TABLE day_facts ADD COLUMN assisted_replies bigint NOT NULL DEFAULT 0;
