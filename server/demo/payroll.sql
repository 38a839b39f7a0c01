-- The demo's payroll database. Runs at each start; what is there stays.
pragma journal_mode = wal;

create table if not exists employee (
    number text primary key,
    name text not null,
    contract text,
    cost_centre text,
    status text not null default 'active' check (status in ('active', 'closed'))
);

create table if not exists permission (
    code text primary key,
    title text not null
);

create table if not exists employee_permission (
    employee text not null references employee (number) on delete cascade,
    permission text not null references permission (code),
    primary key (employee, permission)
);

insert or ignore into permission (code, title) values
    ('SELF', 'Own payslips and time sheet'),
    ('APPROVE', 'Approve time sheets'),
    ('VIEW', 'See salaries'),
    ('RUN', 'Run the payroll'),
    ('REPORTS', 'Payroll reports');

-- What was there before Quartermaster came: records of contractors who are paid elsewhere by now, and one of a program.
-- Only in a new database: what was taken away since stays away.
create temp table before as
select 1 as is_new where not exists (select 1 from employee);

insert into employee (number, name, contract, cost_centre)
select number, name, contract, cost_centre
from before
join (
    select 'E10036' as number, 'Holm, Käthe' as name, 'temporary' as contract, '2200' as cost_centre
    union all select 'E10044', 'Mensah, Andrés', 'temporary', '3100'
    union all select 'X0900', 'Interface of the time clock', null, null
) on true;

insert into employee_permission (employee, permission)
select employee, permission
from before
join (
    select 'E10036' as employee, 'SELF' as permission
    union all select 'E10036', 'VIEW'
    union all select 'E10036', 'RUN'
    union all select 'E10044', 'SELF'
    union all select 'X0900', 'REPORTS'
) on true;

drop table before;
