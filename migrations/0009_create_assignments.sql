-- Who holds what: since when, until when, and why. Numbers of workflow states are seed numbers: 1 non-conforming, 3 pre-existing,
-- 18 calculated, 21 suggested, 23 automatic with validation, 118 given by a role.
create table assignment (
  id bigint primary key,
  identity_id bigint not null,
  kind text not null,
  name text not null collate "C",
  workflow_state bigint not null,
  starts text,
  ends text,
  reasons jsonb not null,
  since bigint not null,
  until bigint,
  opened_by_run bigint,
  closed_by_run bigint,
  state bigint,
  state_reason jsonb,
  order_id bigint,
  constraint assignment_kind_known check (kind in ('role', 'access_profile', 'account_type', 'entitlement')),
  constraint assignment_workflow_state_known check (workflow_state in (1, 3, 18, 21, 23, 118)),
  constraint assignment_state_known check (state is null or state between 0 and 8),
  constraint assignment_interval check (until is null or until >= since),
  constraint assignment_identity foreign key (identity_id) references identity (id),
  constraint assignment_opened_by_run foreign key (opened_by_run) references run (id),
  constraint assignment_closed_by_run foreign key (closed_by_run) references run (id),
  constraint assignment_order foreign key (order_id) references provisioning_order (id)
);
create unique index assignment_current on assignment (identity_id, kind, name) where until is null;
create index assignment_identity on assignment (identity_id, since);
create index assignment_holders on assignment (kind, name);
create index assignment_order on assignment (order_id);
create index assignment_opened_by_run on assignment (opened_by_run);
create index assignment_closed_by_run on assignment (closed_by_run);
