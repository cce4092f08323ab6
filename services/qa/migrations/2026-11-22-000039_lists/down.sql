ALTER TABLE draw_agents DROP CONSTRAINT draw_agents_pkey;
ALTER TABLE draw_agents ADD CONSTRAINT draw_agents_pkey PRIMARY KEY (merchant_id, business_day, account_id);
DROP INDEX reviews_of_account, weaknesses_of, conversation_reads_by;
