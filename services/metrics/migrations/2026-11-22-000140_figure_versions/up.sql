-- A row per commit that changed figures of a business day. Rows are only inserted, so writers never wait for each other; the
-- gatherer deletes them as it counts them into figure_versions.
CREATE TABLE figure_changes (
    merchant_id text COLLATE "C" NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    business_day date NOT NULL,
    CONSTRAINT figure_changes_pkey PRIMARY KEY (merchant_id, change_id)
);

-- How often figures of a business day are known to have changed: what is read after a version was seen is at least as new.
CREATE TABLE figure_versions (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    version bigint NOT NULL,
    -- The version that alerts have looked at.
    alerted_version bigint NOT NULL DEFAULT 0,
    CONSTRAINT figure_versions_pkey PRIMARY KEY (merchant_id, business_day)
);
CREATE INDEX figure_versions_to_alert ON figure_versions (merchant_id, business_day) WHERE alerted_version < version;
