DROP TABLE incident_retrospectives;
