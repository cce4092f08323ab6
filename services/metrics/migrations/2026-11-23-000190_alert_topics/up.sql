-- What of the key's an alert is about, where a rule can give alarm about several things at once: like complaints by their
-- cause. `scope_key` ends with a slash and the topic then, so that what is unresolved stays unique by the index that there is,
-- which a release from before names in its inserts.
ALTER TABLE alerts ADD COLUMN topic text COLLATE "C" NOT NULL DEFAULT '';
