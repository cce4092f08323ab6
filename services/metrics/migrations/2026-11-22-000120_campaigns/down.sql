DROP TABLE campaign_reviews;
DROP TABLE campaign_versions;
DROP TABLE campaigns;
