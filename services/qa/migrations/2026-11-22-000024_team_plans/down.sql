ALTER TABLE draw_agents DROP COLUMN size, DROP COLUMN threshold, DROP COLUMN counts;
DELETE FROM sampling_plans WHERE team_id <> '';
ALTER TABLE sampling_plans DROP CONSTRAINT sampling_plans_pkey;
ALTER TABLE sampling_plans ADD CONSTRAINT sampling_plans_pkey PRIMARY KEY (merchant_id, version);
ALTER TABLE sampling_plans DROP CONSTRAINT sampling_plans_day_key;
ALTER TABLE sampling_plans ADD CONSTRAINT sampling_plans_day_key UNIQUE (merchant_id, effective_from);
ALTER TABLE sampling_plans
    DROP COLUMN team_id, DROP COLUMN excluded_accounts, DROP COLUMN excluded_channels, DROP COLUMN inherits;
