//! For tests: a database and event stream per test, fake clock, tokens, fault proxy.
