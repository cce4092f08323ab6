//! How good the chats are: transcripts, the verifiable draw, reviews.
