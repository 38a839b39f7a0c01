-- Many additions and removals that were asked for together. The states are the table of `model::bulk_change`.
create table bulk_change (
  id bigint primary key,
  -- The file's name, or how people were chosen.
  title text not null,
  reason text not null,
  state text not null,
  -- Up to which line the pass of this state went.
  through bigint not null,
  rows bigint not null,
  -- Of what was previewed; and of the same rows as they are looked at once more before the first is carried out.
  digest text not null,
  digest_again text not null,
  -- What is to be said beside the state.
  message text,
  risk_comment text,
  -- Counted at the end of each pass.
  counts jsonb not null,
  created_by text not null,
  created_at bigint not null,
  confirmed_by text,
  confirmed_at bigint,
  undone_by text,
  undone_at bigint,
  undo_reason text,
  ended_at bigint,
  constraint bulk_change_state_known check (state in (
    'reading', 'checking', 'previewed', 'confirmed', 'applying', 'applied', 'undoing', 'undone', 'discarded'
  )),
  constraint bulk_change_confirmed check ((confirmed_by is null) = (confirmed_at is null)),
  constraint bulk_change_undone check ((undone_by is null) = (undone_at is null) and (undone_by is null) = (undo_reason is null))
);
create index bulk_change_state on bulk_change (state, id);

-- One line: as it was written, what it means, and what became of it.
create table bulk_change_row (
  bulk_change_id bigint not null,
  line bigint not null,
  written jsonb not null,
  identity_id bigint,
  change text,
  kind text,
  name text collate "C",
  state text not null,
  message text,
  -- The risk that it would newly bring about.
  risk text,
  request_id bigint,
  constraint bulk_change_row_key primary key (bulk_change_id, line),
  constraint bulk_change_row_change_known check (change in ('give', 'take')),
  constraint bulk_change_row_kind_known check (kind in ('role', 'access_profile', 'account_type', 'entitlement')),
  constraint bulk_change_row_state_known check (state in (
    'new', 'ready', 'already', 'refused', 'applied', 'undone', 'conflict'
  )),
  constraint bulk_change_row_understood check ((change is null) = (kind is null) and (change is null) = (name is null)),
  constraint bulk_change_row_applied check (state not in ('applied', 'undone', 'conflict') or request_id is not null),
  constraint bulk_change_row_change foreign key (bulk_change_id) references bulk_change (id),
  constraint bulk_change_row_identity foreign key (identity_id) references identity (id),
  constraint bulk_change_row_request foreign key (request_id) references request (id)
);
create index bulk_change_row_state on bulk_change_row (bulk_change_id, state, line);
create index bulk_change_row_person on bulk_change_row (bulk_change_id, identity_id, line);
create index bulk_change_row_identity on bulk_change_row (identity_id);
create index bulk_change_row_request on bulk_change_row (request_id);
