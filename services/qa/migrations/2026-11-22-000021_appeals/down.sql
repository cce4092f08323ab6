DROP TABLE calibration_cases;
DROP TABLE appeals;
DROP TABLE assessments;
ALTER TABLE reviews DROP COLUMN assessment_version, DROP COLUMN appeal_until, DROP COLUMN counts_for_pay;
