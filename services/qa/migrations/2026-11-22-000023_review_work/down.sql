DROP INDEX reviews_due;
DROP TABLE reviewer_absences;
DROP TABLE reviewer_weeks;
