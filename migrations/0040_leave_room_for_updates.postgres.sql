-- Programs go on from 0039.
-- Rows that are written again several times soon after they came to be: with room beside them the new version stands on the
-- same page, and no index has to know of it.
alter table assignment set (fillfactor = 40);
alter table order_attempt set (fillfactor = 50);
alter table identity set (fillfactor = 60);
