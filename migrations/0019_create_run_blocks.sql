-- What a threshold stopped, and what a person said about it; transitions as in the table of `model::block`.
create table run_block (
  id bigint primary key,
  run_id bigint not null,
  subject text not null collate "C",
  -- SHA-256 of exactly what was stopped: an approval holds for nothing else.
  digest text not null collate "C",
  trips jsonb not null,
  changes bigint not null,
  second_person boolean not null,
  blocked_at bigint not null,
  state text not null,
  decided_by text,
  decided_at bigint,
  reason text,
  constraint run_block_state_known check (state in ('waiting', 'approved', 'used', 'rejected', 'replaced')),
  constraint run_block_decided_whole check ((decided_by is null) = (decided_at is null) and (decided_by is null) = (reason is null)),
  constraint run_block_decided_where check (state <> 'waiting' or decided_by is null),
  constraint run_block_decided_by_somebody check (state not in ('approved', 'used', 'rejected') or decided_by is not null),
  constraint run_block_run foreign key (run_id) references run (id)
);
create index run_block_run on run_block (run_id, id);
create unique index run_block_one_waiting on run_block (run_id) where state = 'waiting';

-- The approval on whose strength an order goes beyond a threshold; none where it keeps within. It is not sent without.
alter table provisioning_order add column approval_id bigint constraint order_approval_known references run_block (id);
create index order_approval on provisioning_order (approval_id) where approval_id is not null;

-- What runs ordered, by account type, where nobody had to approve it: what counts within the rolling hour.
create table threshold_use (
  run_id bigint not null,
  account_type text not null collate "C",
  what text not null,
  counted bigint not null,
  at bigint not null,
  constraint threshold_use_key primary key (run_id, account_type, what),
  constraint threshold_use_what_known check (
    what in ('inserted', 'updated', 'deleted', 'links_added', 'links_removed', 'privileged_granted')
  ),
  constraint threshold_use_run foreign key (run_id) references run (id)
);
create index threshold_use_at on threshold_use (at);

-- A stopped plan is looked through by what changes.
alter table preview_line add column account_type text not null default '';
alter table preview_line add column operation text not null default '';
