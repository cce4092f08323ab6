CREATE TABLE days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    version bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    counts_hash bytea NOT NULL,
    CONSTRAINT days_pkey PRIMARY KEY (merchant_id, business_day)
);
COMMENT ON TABLE days IS 'Business days that were closed, and the last version told of by DayClosed.';
COMMENT ON COLUMN days.counts_hash IS 'Of the counts in that version: tells whether closing again says anything new.';

CREATE TABLE day_changes (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    changed_at timestamptz NOT NULL,
    CONSTRAINT day_changes_pkey PRIMARY KEY (merchant_id, business_day, change_id)
);
COMMENT ON TABLE day_changes IS 'A row per commit that changed a day since it was closed last. Rows are only inserted, so writers never wait for each other; closing deletes them before it counts.';
