DROP TABLE voice_hand_overs;
