DROP TABLE bot_question_marks;
