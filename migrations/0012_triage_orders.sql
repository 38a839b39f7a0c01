-- Why an order needs somebody's look, what that has in common with others, and since when; null where nothing is wrong.
-- The fingerprint outlives the trouble while the order is tried again, so that a failure that comes back is known again.
alter table provisioning_order add column trouble text
  constraint order_trouble_known check (trouble in (
    'failed', 'set_aside', 'rule_failed', 'timed_out', 'drifted', 'in_doubt', 'quarantined', 'retry_wait', 'held',
    'maintenance'
  ));
alter table provisioning_order add column fingerprint text collate "C";
alter table provisioning_order add column troubled_at bigint;
alter table provisioning_order add column repeats bigint not null default 0
  constraint order_repeats_counted check (repeats >= 0);

update provisioning_order
set trouble = case
      when state = 7 then 'rule_failed'
      when state = 3 and reason ->> 'reason' = 'timeout' then 'timed_out'
      when state = 3 and reason ->> 'reason' = 'drifted' then 'drifted'
      when state = 3 then 'failed'
      when state = 2 then 'in_doubt'
      when reason ->> 'reason' = 'quarantined' then 'quarantined'
      else 'retry_wait'
    end,
    troubled_at = changed_at
where state in (3, 7)
   or (state = 2 and reason ->> 'reason' = 'in_doubt')
   or (state = 1 and reason ->> 'reason' in ('retry_wait', 'quarantined'));

-- What failed before this was written has its kind and application in common.
update provisioning_order
set fingerprint = trouble || ' ' || application
where trouble is not null;

create index order_trouble on provisioning_order (trouble, application, fingerprint) where trouble is not null;
create index order_fingerprint on provisioning_order (fingerprint, created_at, id) where fingerprint is not null;

-- A value that a person put in the place of a computed one: it stands for that one and no other, until the rules compute
-- something else.
create table value_edit (
  id bigint primary key,
  order_id bigint not null,
  identity_id bigint not null,
  account_type text not null collate "C",
  attribute text not null collate "C",
  computed jsonb not null,
  before jsonb not null,
  edited jsonb not null,
  actor text not null,
  why text not null,
  at bigint not null,
  ended_at bigint,
  constraint value_edit_order foreign key (order_id) references provisioning_order (id),
  constraint value_edit_identity foreign key (identity_id) references identity (id),
  constraint value_edit_ended check (ended_at is null or ended_at >= at)
);
create index value_edit_order on value_edit (order_id);
create unique index value_edit_in_force on value_edit (identity_id, account_type, attribute) where ended_at is null;

-- The circuit breaker of each application; the rules are the table of `broker`.
create table application_circuit (
  application text not null collate "C",
  version bigint not null,
  state text not null,
  failures bigint not null,
  window_since bigint,
  window_calls bigint not null,
  window_failures bigint not null,
  opened_at bigint,
  probe_at bigint,
  probes bigint not null,
  message text not null,
  told_at bigint,
  constraint application_circuit_key primary key (application),
  constraint application_circuit_state_known check (state in ('closed', 'open', 'half_open')),
  constraint application_circuit_opened check ((state = 'closed') = (opened_at is null)),
  constraint application_circuit_probed check ((state = 'closed') = (probe_at is null)),
  constraint application_circuit_counters check (failures >= 0 and window_calls >= 0 and window_failures >= 0 and probes >= 0)
);
