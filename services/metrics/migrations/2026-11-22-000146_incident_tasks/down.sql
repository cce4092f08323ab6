DROP TABLE incident_tasks;
