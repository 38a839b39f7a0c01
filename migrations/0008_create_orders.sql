create table plan (
  id bigint primary key,
  run_id bigint,
  identity_id bigint not null,
  body jsonb not null,
  created_at bigint not null,
  constraint plan_run foreign key (run_id) references run (id),
  constraint plan_identity foreign key (identity_id) references identity (id)
);
create index plan_run on plan (run_id);
create index plan_identity on plan (identity_id);

create table plan_partition (
  id bigint primary key,
  plan_id bigint not null,
  sequence bigint not null,
  body jsonb not null,
  constraint plan_partition_sequence unique (plan_id, sequence),
  constraint plan_partition_plan foreign key (plan_id) references plan (id)
);

-- One account's change. States as in the table of `broker`: 0 None, 1 Pending, 2 Transmitted, 3 Errored, 4 Verified,
-- 5 Awaiting Approval, 6 Inactive, 7 Error, 8 Executed.
create table provisioning_order (
  id bigint primary key,
  plan_id bigint not null,
  partition_id bigint not null,
  run_id bigint,
  identity_id bigint not null,
  initiator text not null,
  application text not null collate "C",
  account_type text not null collate "C",
  account_id bigint,
  key text,
  operation text not null,
  mechanism text not null,
  lane bigint not null,
  state bigint not null,
  reason jsonb,
  explanation text not null,
  reasons jsonb not null,
  summary text not null,
  fence bigint not null,
  attempts bigint not null,
  next_attempt_at bigint,
  lease_node text,
  lease_until bigint,
  created_at bigint not null,
  changed_at bigint not null,
  transmitted_at bigint,
  executed_at bigint,
  verified_at bigint,
  constraint order_initiator_known check (initiator in ('identity_refresh', 'lifecycle_event', 'drift', 'administrator')),
  constraint order_operation_known check (operation in ('create', 'update', 'enable', 'disable', 'delete')),
  constraint order_mechanism_known check (mechanism in ('direct', 'executor', 'manual')),
  constraint order_lane_known check (lane in (0, 1)),
  constraint order_state_known check (state between 0 and 8),
  constraint order_transmitted_when check (state <> 2 or transmitted_at is not null),
  constraint order_executed_when check (state <> 8 or executed_at is not null),
  constraint order_verified_when check (state <> 4 or verified_at is not null),
  constraint order_leased_while_transmitted check (lease_until is null or state = 2),
  constraint order_counters check (fence >= 0 and attempts >= 0),
  constraint order_plan foreign key (plan_id) references plan (id),
  constraint order_partition foreign key (partition_id) references plan_partition (id),
  constraint order_run foreign key (run_id) references run (id),
  constraint order_identity foreign key (identity_id) references identity (id),
  constraint order_account foreign key (account_id) references account (id)
);
create index order_plan on provisioning_order (plan_id);
create index order_partition on provisioning_order (partition_id);
create index order_run on provisioning_order (run_id, created_at, id);
create index order_identity on provisioning_order (identity_id, created_at, id);
create index order_account on provisioning_order (account_id);
create index order_created on provisioning_order (created_at, id);
create index order_application on provisioning_order (application, state);
create index order_state on provisioning_order (state, created_at, id);
create index order_queue on provisioning_order (application, lane, id) where state = 1;
-- INVARIANT: one order in flight per account, and per account to come.
create unique index order_one_in_flight on provisioning_order (account_id) where state = 2 and account_id is not null;
create unique index order_one_creation_in_flight on provisioning_order (identity_id, account_type) where state = 2 and account_id is null;

create table order_item (
  id bigint primary key,
  order_id bigint not null,
  kind text not null,
  name text not null,
  operation text not null,
  value jsonb,
  current jsonb,
  entitlement text,
  state bigint not null,
  explanation text not null,
  reasons jsonb not null,
  secret boolean not null,
  message text,
  constraint order_item_kind_known check (kind in ('attribute', 'entitlement', 'lifecycle')),
  constraint order_item_operation_known check (operation in ('set', 'add', 'remove')),
  constraint order_item_state_known check (state between 0 and 8),
  constraint order_item_order foreign key (order_id) references provisioning_order (id)
);
create index order_item_order on order_item (order_id, id);

create table order_dependency (
  order_id bigint not null,
  after_id bigint not null,
  constraint order_dependency_key primary key (order_id, after_id),
  constraint order_dependency_other check (order_id <> after_id),
  constraint order_dependency_order foreign key (order_id) references provisioning_order (id),
  constraint order_dependency_after foreign key (after_id) references provisioning_order (id)
);
create index order_dependency_after on order_dependency (after_id);

-- The intent: written before the first byte leaves. Without an answer the outcome is unknown until read back.
create table order_attempt (
  order_id bigint not null,
  number bigint not null,
  fence bigint not null,
  node text not null,
  started_at bigint not null,
  finished_at bigint,
  answer jsonb,
  constraint order_attempt_key primary key (order_id, number),
  constraint order_attempt_fence unique (order_id, fence),
  constraint order_attempt_finished check ((finished_at is null) = (answer is null)),
  constraint order_attempt_order foreign key (order_id) references provisioning_order (id)
);

create table order_event (
  sequence bigserial primary key,
  order_id bigint not null,
  at bigint not null,
  from_state bigint not null,
  to_state bigint not null,
  reason jsonb,
  actor text not null,
  message text not null,
  constraint order_event_states_known check (from_state between 0 and 8 and to_state between 0 and 8),
  constraint order_event_order foreign key (order_id) references provisioning_order (id)
);
create index order_event_order on order_event (order_id, sequence);
