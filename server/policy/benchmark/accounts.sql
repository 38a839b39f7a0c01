-- Accounts and what they are made up of, after `best.sql`: only where everything is in use.
create or replace temp table deciding as
select person, first(a6 order by priority, starts) as department from context
where starts <= $today and $today < ends group by person
union all
select person, first(a6 order by priority, starts) from context
where person not in (select person from context where starts <= $today and $today < ends)
  and starts - 7 <= $today and $today < ends group by person;
create or replace temp table account as
select a.person, a.application, 'Department ' || lpad(d.department::varchar, 3, '0') as department,
  p.key as login, lower(p.key) || '@example.org' as mail, p.name
from (select distinct (w.key >> 20)::integer as person, e.application
      from wanted w join entitlement e on e.entitlement = w.key & 1048575) a
join person p on p.person = a.person
left join deciding d on d.person = a.person;
