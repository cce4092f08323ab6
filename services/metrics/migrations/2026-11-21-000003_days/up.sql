-- Business days that were closed, and the last version told of by DayClosed.
CREATE TABLE days (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    version bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    -- Of the counts in that version: tells whether closing again says anything new.
    counts_hash bytea NOT NULL,
    CONSTRAINT days_pkey PRIMARY KEY (merchant_id, business_day)
);

-- A row per commit that changed a day since it was closed last. Rows are only inserted, so writers never wait for
-- each other; closing deletes them before it counts.
CREATE TABLE day_changes (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    changed_at timestamptz NOT NULL,
    CONSTRAINT day_changes_pkey PRIMARY KEY (merchant_id, business_day, change_id)
);
