-- Long chats of the account that its plan excluded from the draw, packed like eligible_list; null if there were none, and for days
-- that were drawn before this was kept.
ALTER TABLE draw_agents ADD COLUMN excluded_list bytea;
