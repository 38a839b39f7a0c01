-- A run that takes back what another did, and what was confirmed when it was asked for.
create table run_undo (
  run_id bigint not null,
  undoes_run_id bigint not null,
  selection jsonb not null,
  reason text not null,
  -- Login of who confirmed it.
  actor text not null,
  digest text not null,
  at bigint not null,
  constraint run_undo_key primary key (run_id),
  constraint run_undo_other check (run_id <> undoes_run_id),
  constraint run_undo_run foreign key (run_id) references run (id),
  constraint run_undo_undoes foreign key (undoes_run_id) references run (id)
);
create index run_undo_undoes on run_undo (undoes_run_id);

-- What was taken back and is not to be ordered again without a person. It holds until it is approved, until nothing asks
-- for it any more, or until the undo is undone.
create table undone_change (
  id bigint primary key,
  run_id bigint not null,
  identity_id bigint not null,
  account_type text not null collate "C",
  kind text not null,
  name text not null collate "C",
  operation text not null,
  value jsonb,
  actor text not null,
  reason text not null,
  since bigint not null,
  until bigint,
  constraint undone_kind_known check (kind in ('attribute', 'entitlement', 'lifecycle')),
  constraint undone_operation_known check (operation in ('set', 'add', 'remove')),
  constraint undone_interval check (until is null or until >= since),
  constraint undone_run foreign key (run_id) references run (id),
  constraint undone_identity foreign key (identity_id) references identity (id)
);
create index undone_run on undone_change (run_id);
create index undone_identity on undone_change (identity_id);
create index undone_current on undone_change (id) where until is null;

-- How much a run changes, known before its first write.
create table run_blast_radius (
  run_id bigint not null,
  body jsonb not null,
  constraint run_blast_radius_key primary key (run_id),
  constraint run_blast_radius_run foreign key (run_id) references run (id)
);
