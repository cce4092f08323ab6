-- Versions of when a merchant's reports are made, and for whom. The highest counts; without one the built-in one does.
CREATE TABLE report_schedules (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT report_schedules_pkey PRIMARY KEY (merchant_id, version)
);

-- Names of the roles that a scheduled report is addressed to; and how settled its conversions and refunds were, which a
-- release that doesn't know them leaves out.
ALTER TABLE reports
    ADD COLUMN recipients text[] NOT NULL DEFAULT '{}',
    ADD COLUMN conversion_state text,
    ADD COLUMN refund_state text;
