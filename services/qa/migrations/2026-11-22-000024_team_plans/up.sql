-- A team may have a plan of its own; '' is the merchant's. Versions count in each.
ALTER TABLE sampling_plans
    ADD COLUMN team_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN excluded_accounts text[] NOT NULL DEFAULT '{}',
    ADD COLUMN excluded_channels text[] NOT NULL DEFAULT '{}',
    -- The team follows the merchant's plan.
    ADD COLUMN inherits boolean NOT NULL DEFAULT false;
ALTER TABLE sampling_plans DROP CONSTRAINT sampling_plans_pkey;
ALTER TABLE sampling_plans ADD CONSTRAINT sampling_plans_pkey PRIMARY KEY (merchant_id, team_id, version);
ALTER TABLE sampling_plans DROP CONSTRAINT sampling_plans_day_key;
ALTER TABLE sampling_plans ADD CONSTRAINT sampling_plans_day_key UNIQUE (merchant_id, team_id, effective_from);

-- The plan that an account was drawn by where it isn't the draw's.
ALTER TABLE draw_agents
    ADD COLUMN size integer,
    ADD COLUMN threshold integer,
    ADD COLUMN counts smallint;
