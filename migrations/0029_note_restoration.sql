-- A database that was put back to an earlier state: what was done since is unknown to it, and nothing goes out until a person says so.
create table restoration (
  id bigint primary key,
  -- The moment to which it was put back; none where nobody told.
  taken_at bigint,
  -- When a process first worked with it and made ready for it.
  noticed_at bigint,
  ended_at bigint,
  ended_by text collate "C",
  constraint restoration_single check (id = 1),
  constraint restoration_ended check ((ended_at is null) = (ended_by is null)),
  constraint restoration_order check (ended_at is null or noticed_at is not null)
);
