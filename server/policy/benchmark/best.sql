-- The fastest SQL for DuckDB that we know: rules compiled to one value and a mask, rows of people and entitlements as one
-- number each. One statement a line group; statements end with a semicolon.
create or replace temp table role_held as
select distinct person, role from (
  select c.person, k.role from context c join clause_0 k on k.value = c.a0
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_6 k on k.value = c.a6
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_7 k on k.value = c.a7
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_8 k on k.value = c.a8
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_9 k on k.value = c.a9
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_10 k on k.value = c.a10
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_12 k on k.value = c.a12
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_14 k on k.value = c.a14
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_15 k on k.value = c.a15
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
  union all
  select c.person, k.role from context c join clause_18 k on k.value = c.a18
    where c.bits & k.forbidden = 0 and c.starts - k.before <= $today and $today < c.ends
);
create or replace temp table wanted as
select distinct key from (
  select (r.person::bigint << 20) | e.entitlement as key from role_held r join role_entitlement e on e.role = r.role
  union all
  select (g.person::bigint << 20) | g.entitlement as key from granted g
    where $today < g.ends
      and g.person in (select c.person from context c where c.starts <= $today and $today < c.ends)
);
create or replace temp table added as select key from wanted anti join actual using (key);
create or replace temp table removed as select key from actual anti join wanted using (key);
