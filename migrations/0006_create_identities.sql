create table identity (
  id bigint primary key,
  source text not null collate "C",
  key text not null collate "C",
  display_name text not null,
  attributes jsonb not null,
  contexts jsonb not null,
  manager_key text collate "C",
  present boolean not null,
  -- What lists sort by and search in: lower case, without diacritics.
  sort_name text not null collate "C",
  words text not null collate "C",
  -- From the attributes that hold regardless of context.
  department text not null collate "C",
  context_count bigint not null,
  role_model_digest bigint,
  constraint identity_source_key unique (source, key)
);
create index identity_key on identity (key);
create index identity_manager on identity (source, manager_key);
create index identity_sort on identity (sort_name, id);
create index identity_department on identity (department);

-- What lists need of the contexts, beside the contexts themselves: open ends are the first and last day there is.
create table identity_context (
  identity_id bigint not null,
  sequence bigint not null,
  starts text not null collate "C",
  ends text not null collate "C",
  department text not null collate "C",
  constraint identity_context_key primary key (identity_id, sequence),
  constraint identity_context_identity foreign key (identity_id) references identity (id)
);
create index identity_context_department on identity_context (department);

-- Every form an identity has had, with when; the open interval is the present.
create table identity_history (
  identity_id bigint not null,
  since bigint not null,
  until bigint,
  run_id bigint,
  body jsonb not null,
  constraint identity_history_key primary key (identity_id, since),
  constraint identity_history_interval check (until is null or until > since),
  constraint identity_history_identity foreign key (identity_id) references identity (id),
  constraint identity_history_run foreign key (run_id) references run (id)
);
create unique index identity_history_current on identity_history (identity_id) where until is null;
create index identity_history_run on identity_history (run_id);

-- In the order of commits; what computes over the population follows it.
create table change_log (
  sequence bigserial primary key,
  kind text not null,
  subject_id bigint not null,
  at bigint not null,
  constraint change_log_kind_known check (kind in ('identity'))
);

create table identity_event (
  sequence bigserial primary key,
  identity_id bigint not null,
  at bigint not null,
  message text not null,
  order_id bigint,
  run_id bigint,
  constraint identity_event_identity foreign key (identity_id) references identity (id),
  constraint identity_event_run foreign key (run_id) references run (id)
);
create index identity_event_identity on identity_event (identity_id, sequence);
create index identity_event_run on identity_event (run_id);
