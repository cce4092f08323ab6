DROP TABLE review_policies;
