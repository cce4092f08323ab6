DROP TABLE alert_rounds;
DROP TABLE alert_entries;
DROP TABLE alerts;
DROP TABLE alert_rules;
