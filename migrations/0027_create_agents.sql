-- What agents sign in with. Only hashes are kept: who reads this table cannot pass for an agent.
create table agent_token (
  id bigint primary key,
  agent text not null collate "C",
  label text not null,
  token_hash text not null collate "C",
  created_by text not null,
  created_at bigint not null,
  last_used_at bigint,
  revoked_by text,
  revoked_at bigint,
  constraint agent_token_hash unique (token_hash),
  constraint agent_token_revoked check ((revoked_by is null) = (revoked_at is null))
);

-- What is known of agents from their asking.
create table agent_facts (
  name text not null collate "C",
  heard_at bigint not null,
  version text not null,
  address text not null,
  constraint agent_facts_key primary key (name)
);

-- What runs ask agents to read.
create table agent_export (
  id bigint primary key,
  agent text not null collate "C",
  run_id bigint not null,
  step text not null collate "C",
  kind text not null,
  subject text not null collate "C",
  state text not null,
  attempt bigint not null,
  task jsonb not null,
  requested_at bigint not null,
  taken_at bigint,
  lease_until bigint,
  heard_at bigint,
  row_count bigint not null,
  byte_count bigint not null,
  outcome jsonb,
  given_up_because text,
  finished_at bigint,
  constraint agent_export_kind check (kind in ('application', 'source')),
  constraint agent_export_state
    check (state in ('waiting', 'reading', 'complete', 'failed', 'taken_over', 'given_up')),
  constraint agent_export_leased check ((state = 'reading') = (lease_until is not null)),
  constraint agent_export_taken check (state in ('waiting', 'given_up') or taken_at is not null),
  constraint agent_export_over check ((state in ('waiting', 'reading')) = (finished_at is null)),
  constraint agent_export_told check (state not in ('complete', 'failed', 'taken_over') or outcome is not null),
  constraint agent_export_why check ((state = 'given_up') = (given_up_because is not null)),
  constraint agent_export_run foreign key (run_id) references run (id)
);
create index agent_export_subject on agent_export (agent, kind, subject, id);
create index agent_export_due on agent_export (agent, id) where state in ('waiting', 'reading');
create unique index agent_export_one_open on agent_export (run_id, step, kind, subject)
  where state in ('waiting', 'reading', 'complete');

-- Rows of exports, until a run takes them over.
create table agent_page (
  export_id bigint not null,
  number bigint not null,
  body text not null,
  constraint agent_page_key primary key (export_id, number),
  constraint agent_page_export foreign key (export_id) references agent_export (id)
);
