DROP TABLE follow_up_checks;
DROP TABLE follow_up_events;
DROP TABLE follow_up_payments;
DROP TABLE follow_ups;
