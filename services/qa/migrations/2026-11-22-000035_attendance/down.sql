DROP TABLE leaves, attendance;
