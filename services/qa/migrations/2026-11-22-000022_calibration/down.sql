DROP TABLE rater_calibrations;
DROP TABLE calibration_ratings;
DROP TABLE calibration_chats;
DROP TABLE calibration_sessions;
