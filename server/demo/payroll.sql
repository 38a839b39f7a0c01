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
