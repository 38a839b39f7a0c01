-- SQL as somebody writes it who does not know DuckDB: two columns, one join over all attributes, NOT EXISTS.
create or replace temp table role_held as
select distinct c.person, k.role
from (
  unpivot (select person, starts, ends, bits, a0, a6, a7, a8, a9, a10, a12, a14, a15, a18 from context)
  on a0, a6, a7, a8, a9, a10, a12, a14, a15, a18 into name attribute value value
) c
join clause k on 'a' || k.attribute = c.attribute and k.value = c.value
where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends;
create or replace temp table wanted as
select distinct r.person, e.entitlement from role_held r join role_entitlement e on e.role = r.role
union
select g.person, g.entitlement from granted g
where $today < g.ends
  and exists (select 1 from context c where c.person = g.person and c.starts <= $today and $today < c.ends);
create or replace temp table added as
select (w.person::bigint << 20) | w.entitlement as key from wanted w
where not exists (select 1 from held a where a.person = w.person and a.entitlement = w.entitlement);
create or replace temp table removed as
select (a.person::bigint << 20) | a.entitlement as key from held a
where not exists (select 1 from wanted w where w.person = a.person and w.entitlement = a.entitlement);
