COMMENT ON COLUMN scorecards.state IS NULL;
UPDATE scorecards SET state = 3, retired_at = created_at WHERE state = 4;
DROP TABLE team_scorecards;
