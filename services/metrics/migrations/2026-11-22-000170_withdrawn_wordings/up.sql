-- That a wording is not to be said any more: by whom, since when and why (redacted).
ALTER TABLE incident_wordings
    ADD COLUMN withdrawn_by text,
    ADD COLUMN withdrawn_at timestamptz,
    ADD COLUMN withdrawn_because text;

-- When the newest wording was withdrawn; NULL while one is in force, which is when worded_at is set.
ALTER TABLE incidents ADD COLUMN wording_withdrawn_at timestamptz;
CREATE INDEX incidents_said ON incidents
    (merchant_id, (coalesce(worded_at, wording_withdrawn_at)) DESC, incident_id DESC)
    WHERE state <> 'closed' AND coalesce(worded_at, wording_withdrawn_at) IS NOT NULL;
DROP INDEX incidents_in_force;
