DROP TABLE incident_wordings;
DROP TABLE incident_entries;
DROP TABLE incidents;
