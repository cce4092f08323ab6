-- Who read chats, by person; weaknesses of a person; reviews of an account over all days.
CREATE INDEX conversation_reads_by ON conversation_reads (merchant_id, person_id, read_id);
CREATE INDEX weaknesses_of ON weaknesses (merchant_id, person_id, weakness_id);
CREATE INDEX reviews_of_account ON reviews (merchant_id, account_id, business_day, review_id);

-- Coverage and reports read these figures from the index alone: the rows beside them hold the lists, which grow with the chats.
ALTER TABLE draw_agents DROP CONSTRAINT draw_agents_pkey;
ALTER TABLE draw_agents ADD CONSTRAINT draw_agents_pkey PRIMARY KEY (merchant_id, business_day, account_id)
    INCLUDE (eligible, drawn, size);
