DROP TABLE day_changes;
DROP TABLE days;
