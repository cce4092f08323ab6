//! A follower's copy of the people directory, and row scope computed from it.
