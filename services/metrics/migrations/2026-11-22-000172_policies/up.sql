-- Versions of what merchants set for follow-ups. The highest counts; without one the installation's settings do.
CREATE TABLE follow_up_policies (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    rules jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT follow_up_policies_pkey PRIMARY KEY (merchant_id, version)
);

-- The same for incidents.
CREATE TABLE incident_policies (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    rules jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT incident_policies_pkey PRIMARY KEY (merchant_id, version)
);
