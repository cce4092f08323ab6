DROP TABLE loss_catalogues;
DROP TABLE loss_decisions;
DROP TABLE lost_inquiries;
