//! Redaction as the services use it: on labelled texts, on real chats, on anything.

mod labelled;
mod untouched;
