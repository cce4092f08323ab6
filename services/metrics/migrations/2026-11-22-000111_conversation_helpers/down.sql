DROP TABLE conversation_helpers;
