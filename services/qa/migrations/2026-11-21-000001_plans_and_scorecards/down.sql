DROP TABLE scorecards;
DROP TABLE sampling_plans;
