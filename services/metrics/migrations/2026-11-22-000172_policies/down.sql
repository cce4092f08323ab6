DROP TABLE incident_policies;
DROP TABLE follow_up_policies;
