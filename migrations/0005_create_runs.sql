create table run (
  id bigint primary key,
  job text not null,
  incremental boolean not null,
  dry_run boolean not null,
  state text not null,
  -- 1 while queued or running, otherwise nothing: its unique index is what lets only one run be active.
  active bigint,
  message text,
  configuration_id bigint,
  started_by bigint,
  queued_at bigint not null,
  started_at bigint,
  finished_at bigint,
  cancel_requested boolean not null,
  -- Login of the person on whose word it goes on beyond a threshold.
  approved_by text,
  lease_node text,
  lease_until bigint,
  constraint run_state_known check (state in ('queued', 'running', 'completed', 'warning', 'blocked', 'errored', 'cancelled')),
  constraint run_active_while check ((state in ('queued', 'running')) = (active is not null)),
  constraint run_active_single check (active is null or active = 1),
  constraint run_configuration foreign key (configuration_id) references configuration_version (id),
  constraint run_started_by foreign key (started_by) references console_user (id)
);
create unique index run_one_active on run (active) where active is not null;
create index run_configuration on run (configuration_id);
create index run_started_by on run (started_by);

create table task_run (
  run_id bigint not null,
  sequence bigint not null,
  kind text not null,
  state text not null,
  message text,
  done bigint not null,
  total bigint,
  unit text not null,
  failed bigint not null,
  counts jsonb not null,
  started_at bigint,
  finished_at bigint,
  constraint task_run_key primary key (run_id, sequence),
  constraint task_run_kind_known check (
    kind in ('collect', 'synchronize', 'compute-role-model', 'generate-orders', 'fulfil', 'synchronize-back')
  ),
  constraint task_run_state_known check (state in ('queued', 'running', 'completed', 'warning', 'blocked', 'errored', 'cancelled')),
  constraint task_run_run foreign key (run_id) references run (id)
);

create table run_log (
  run_id bigint not null,
  sequence bigint not null,
  at bigint not null,
  level text not null,
  task text,
  message text not null,
  constraint run_log_key primary key (run_id, sequence),
  constraint run_log_level_known check (level in ('information', 'warning', 'error')),
  constraint run_log_run foreign key (run_id) references run (id)
);

-- What was read from sources and applications, until it is taken over.
create table staged_row (
  run_id bigint not null,
  origin text not null collate "C",
  key text not null collate "C",
  body text not null,
  constraint staged_row_key primary key (run_id, origin, key),
  constraint staged_row_run foreign key (run_id) references run (id)
);

create table preview_line (
  run_id bigint not null,
  sequence bigint not null,
  identity_id bigint,
  body jsonb not null,
  constraint preview_line_key primary key (run_id, sequence),
  constraint preview_line_run foreign key (run_id) references run (id)
);
