-- Versions of what merchants set for cases: causes, authority limits, hours. The highest counts; without one the built-in
-- one does.
CREATE TABLE case_policies (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    rules jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT case_policies_pkey PRIMARY KEY (merchant_id, version)
);
