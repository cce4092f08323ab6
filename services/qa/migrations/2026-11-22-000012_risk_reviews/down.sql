DROP TABLE risk_reviews, risk_days, risk_plans;
