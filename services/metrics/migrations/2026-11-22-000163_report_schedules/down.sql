ALTER TABLE reports
    DROP COLUMN refund_state,
    DROP COLUMN conversion_state,
    DROP COLUMN recipients;
DROP TABLE report_schedules;
