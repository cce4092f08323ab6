-- All versions of the playbook's remedies that merchants put; the highest one counts. A built-in remedy has a row
-- only once it was changed or deleted.
CREATE TABLE remedies (
    merchant_id text COLLATE "C" NOT NULL,
    remedy_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    -- Name of the measure, as in jinpai.metrics.v1.Measure without its prefix.
    measure text NOT NULL,
    direction text NOT NULL,
    cause text NOT NULL,
    text text NOT NULL,
    owner text NOT NULL,
    department text NOT NULL,
    -- Whether this version took the remedy out of the playbook.
    deleted boolean NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT remedies_pkey PRIMARY KEY (merchant_id, remedy_id, version),
    CONSTRAINT remedies_direction_check CHECK (direction IN ('risen', 'fallen'))
);
