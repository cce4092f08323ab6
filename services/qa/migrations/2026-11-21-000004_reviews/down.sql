DROP TABLE reviewers;
DROP TABLE reviews;
