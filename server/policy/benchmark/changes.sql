-- The day's changes are taken in, and what concerns these people is found. `best.sql` then asks among them.
delete from context where person in (select person from changed);
insert into context select * from changed_context;
create or replace temp table changed_actual as
select a.key from actual a join changed c on c.person = (a.key >> 20)::integer;
create or replace temp table changed_granted as
select g.* from granted g join changed c on c.person = g.person;
