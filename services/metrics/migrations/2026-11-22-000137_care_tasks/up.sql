-- Customers whom people are to get in touch with.
CREATE TABLE care_tasks (
    merchant_id text COLLATE "C" NOT NULL,
    care_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    -- When it was shared out.
    tier smallint NOT NULL,
    at_risk boolean NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    purpose text NOT NULL,
    assigned_day date NOT NULL,
    due_day date NOT NULL,
    state text NOT NULL,
    -- Redacted.
    note text NOT NULL,
    contacted_at timestamptz,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT care_tasks_pkey PRIMARY KEY (merchant_id, care_id),
    CONSTRAINT care_tasks_state CHECK (state IN ('open', 'contacted', 'skipped'))
);
-- A customer is one person's care at a time.
CREATE UNIQUE INDEX care_tasks_open ON care_tasks (merchant_id, shop_id, customer_id) WHERE state = 'open';
CREATE INDEX care_tasks_by_due_day ON care_tasks (merchant_id, due_day, care_id);
CREATE INDEX care_tasks_of_person ON care_tasks (merchant_id, person_id, due_day, care_id);
