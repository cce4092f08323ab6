DROP TABLE weakness_looks, weaknesses;
