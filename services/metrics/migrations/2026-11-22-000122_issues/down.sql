DROP TABLE issue_notices;
DROP TABLE issue_comments;
DROP TABLE issues;
