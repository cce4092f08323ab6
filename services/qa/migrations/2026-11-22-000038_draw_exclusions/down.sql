ALTER TABLE draw_agents DROP COLUMN excluded_list;
