DROP TABLE late_chats;
DROP TABLE draw_agents;
DROP TABLE draws;
DROP TABLE day_closing_agents;
DROP TABLE day_closings;
DROP TABLE seeds;
