-- How far each job's schedule has been followed. Whoever moves `decided_until` on decides what becomes of the times in
-- between, in the same transaction.
create table job_schedule (
  job text not null collate "C",
  -- Cron expression and time zone that this is about: another one begins anew.
  cron text not null,
  time_zone text not null,
  decided_until bigint not null,
  -- A time that did not lead to a run, and why, while no later one did.
  skipped_at bigint,
  skipped_because text,
  constraint job_schedule_key primary key (job),
  constraint job_schedule_skipped check ((skipped_at is null) = (skipped_because is null))
);
