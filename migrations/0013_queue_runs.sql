-- Runs wait for one another instead of being refused: one is running, any number wait, but never two of the same job.
drop index run_one_active;
create unique index run_one_running on run (active) where state = 'running';
create unique index run_one_of_job on run (job) where active is not null;
create index run_job on run (job, id);

-- The run of which it does the rest, and the time of the schedule that started it.
alter table run add column rerun_of bigint constraint run_rerun_of references run (id);
alter table run add column scheduled_for bigint;
create index run_rerun_of on run (rerun_of);
-- INVARIANT: a time of a schedule starts one run, however many nodes see it pass.
create unique index run_once_scheduled on run (job, scheduled_for) where scheduled_for is not null;

-- Each step as its job had it when the run was asked for; earlier runs had the steps of the complete job.
alter table task_run add column name text not null default '';
alter table task_run add column level bigint not null default 0 constraint task_run_level check (level >= 0);
alter table task_run add column settings jsonb not null default '{}';
update task_run set name = kind, level = sequence;

create index run_log_level on run_log (run_id, level);
