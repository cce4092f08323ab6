DROP TABLE figure_versions;
DROP TABLE figure_changes;
