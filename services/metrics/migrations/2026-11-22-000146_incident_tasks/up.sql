-- What is to be done in incidents, and what their retrospectives want to be done.
CREATE TABLE incident_tasks (
    merchant_id text COLLATE "C" NOT NULL,
    incident_id text COLLATE "C" NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    owner_person_id text COLLATE "C" NOT NULL,
    -- The end of days if there is no such time.
    due_at timestamptz NOT NULL,
    -- Neither done nor dropped.
    open boolean NOT NULL,
    drill boolean NOT NULL,
    -- Redacted.
    content jsonb NOT NULL,
    -- Who did it; NULL while nobody has.
    done jsonb,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT incident_tasks_pkey PRIMARY KEY (merchant_id, incident_id, task_id),
    CONSTRAINT incident_tasks_kind CHECK (kind IN ('response', 'measure'))
);
CREATE INDEX incident_tasks_by_due ON incident_tasks (merchant_id, due_at, incident_id, task_id);
CREATE INDEX incident_tasks_of_owner ON incident_tasks (merchant_id, owner_person_id, due_at, incident_id, task_id);
