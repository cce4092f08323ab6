-- What was handed in as learnt of incidents, all versions. Only added to.
CREATE TABLE incident_retrospectives (
    merchant_id text COLLATE "C" NOT NULL,
    incident_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    -- Redacted.
    content jsonb NOT NULL,
    handed_in_by text NOT NULL,
    handed_in_at timestamptz NOT NULL,
    CONSTRAINT incident_retrospectives_pkey PRIMARY KEY (merchant_id, incident_id, number)
);
INSERT INTO incident_retrospectives
SELECT merchant_id, incident_id, 1, details->'learnt'->'what', details->'learnt'->>'by',
    (details->'learnt'->>'at')::timestamptz
FROM incidents WHERE jsonb_typeof(details->'learnt') = 'object';
