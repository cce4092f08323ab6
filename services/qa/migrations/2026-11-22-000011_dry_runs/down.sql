DROP TABLE dry_run_examples, dry_run_figures, dry_run_chats, dry_runs;
