DROP TABLE hit_judgements, check_counts, check_days, check_hits, chat_checks, check_queue, check_rule_sets;
DROP FUNCTION checks_ensure_month(date);
