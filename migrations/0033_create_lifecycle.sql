-- Lifecycle states that something follows from, of each person: since which day, and when that was recorded.
create table lifecycle_period (
  sequence bigserial primary key,
  identity_id bigint not null,
  state text collate "C" not null,
  starts text collate "C" not null,
  since bigint not null,
  until bigint,
  constraint lifecycle_period_identity foreign key (identity_id) references identity (id),
  constraint lifecycle_period_order check (until is null or until >= since)
);
create unique index lifecycle_period_current on lifecycle_period (identity_id) where until is null;
create index lifecycle_period_history on lifecycle_period (identity_id, sequence);
create index lifecycle_period_state on lifecycle_period (state, identity_id) where until is null;

-- The last day of which all that opens, closes or goes on has started a run.
create table boundary (
  id bigint primary key,
  day text collate "C" not null,
  constraint boundary_single check (id = 1)
);
