CREATE INDEX incidents_in_force ON incidents (merchant_id, worded_at DESC, incident_id DESC)
    WHERE state <> 'closed' AND worded_at IS NOT NULL;
DROP INDEX incidents_said;
ALTER TABLE incidents DROP COLUMN wording_withdrawn_at;
ALTER TABLE incident_wordings
    DROP COLUMN withdrawn_because,
    DROP COLUMN withdrawn_at,
    DROP COLUMN withdrawn_by;
