-- Programs go on from 0042.
-- Lists of what happened are read by time, however many there are before and after it.
drop index event_at;
create index event_time on event (at, number);
create index audit_line_time on audit_line (at, number) where number is not null;
