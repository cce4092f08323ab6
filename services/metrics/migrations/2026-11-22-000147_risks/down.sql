DROP TABLE risk_versions;
DROP TABLE risks;
