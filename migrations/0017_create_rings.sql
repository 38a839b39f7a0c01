-- The ring of its run with which an order goes; none where it goes at once.
alter table provisioning_order add column ring bigint constraint order_ring_from_one check (ring is null or ring >= 1);
create index order_ring on provisioning_order (run_id, ring) where ring is not null;

-- Runs whose orders go ring by ring, and how far they are.
-- INVARIANT: an order of a ring above `released` is neither due nor claimed.
create table run_ring (
  run_id bigint not null,
  rings bigint not null,
  released bigint not null,
  limits jsonb not null,
  -- Why the next ring does not go without a person.
  halted text,
  -- Login of the person on whose word the newest ring went; none where the one before had proved healthy.
  released_by text,
  changed_at bigint not null,
  constraint run_ring_key primary key (run_id),
  constraint run_ring_run foreign key (run_id) references run (id),
  constraint run_ring_released check (released between 1 and rings),
  constraint run_ring_halted check (halted is null or released < rings)
);
create index run_ring_open on run_ring (run_id) where released < rings;
