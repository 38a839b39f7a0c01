-- What set an order off, of all there are; how urgent that makes it; and the turn that follows: the time at which it was
-- made, and a minute for each step of priority. An order is overtaken by later ones for as many minutes and no longer.
alter table provisioning_order add column set_off_by text not null default 'identity_refresh'
  constraint order_set_off_by_known check (set_off_by in (
    'access_request', 'certification', 'policy_violation', 'identity_refresh', 'lifecycle_event', 'inbound_provisioning',
    'attribute_synchronization', 'administrator', 'drift', 'undo'
  ));
alter table provisioning_order add column priority bigint not null default 70
  constraint order_priority_known check (priority between 0 and 100);
alter table provisioning_order add column turn_at bigint not null default 0;

-- Whoever ordered something by hand until now took back a run.
update provisioning_order
set set_off_by = case when initiator = 'administrator' then 'undo' else initiator end;
update provisioning_order
set priority = case set_off_by
      when 'undo' then 20
      when 'lifecycle_event' then 50
      when 'drift' then 80
      else 70
    end;
update provisioning_order
set turn_at = created_at + priority * 60000000;

drop index order_queue;
create index order_queue on provisioning_order (application, lane, turn_at, id) where state = 1;

-- Something that was asked for, followed to its end. The rules are the table of `model::request`.
create table request (
  id bigint primary key,
  set_off_by text not null,
  priority bigint not null,
  -- Where it came from: the kind of source, its name, and its number there.
  source_kind text not null,
  source_name text not null collate "C",
  source_reference text,
  -- Login, or what the source says of who asked.
  requester text not null,
  identity_id bigint not null,
  justification text not null,
  correlation text collate "C",
  -- First and last day.
  starts text,
  ends text,
  -- Of what is asked for whom; while the request is open, nobody asks for the same twice.
  open_key text collate "C",
  state text not null,
  -- Why it is where it is, where the state alone does not say.
  message text,
  -- 1 while its identity has to be planned because of it.
  to_plan bigint,
  -- The run that planned it last.
  run_id bigint,
  submitted_at bigint not null,
  planned_at bigint,
  sent_at bigint,
  done_at bigint,
  ended_at bigint,
  constraint request_set_off_by_known check (set_off_by in (
    'access_request', 'certification', 'policy_violation', 'identity_refresh', 'lifecycle_event', 'inbound_provisioning',
    'attribute_synchronization', 'administrator', 'drift'
  )),
  constraint request_priority_known check (priority between 0 and 100),
  constraint request_state_known check (state in (
    'submitted', 'waiting', 'approval', 'provisioning', 'verifying', 'completed', 'partly_completed', 'failed', 'cancelled'
  )),
  constraint request_to_plan_single check (to_plan is null or to_plan = 1),
  constraint request_justified check (justification <> ''),
  constraint request_period check (starts is null or ends is null or starts <= ends),
  constraint request_identity foreign key (identity_id) references identity (id),
  constraint request_run foreign key (run_id) references run (id)
);
-- INVARIANT: what is asked for again while it is open is the same request.
create unique index request_open_once on request (open_key) where open_key is not null;
create index request_identity on request (identity_id, id);
create index request_run on request (run_id);
create index request_state on request (state, id);
create index request_set_off_by on request (set_off_by, id);
create index request_to_plan on request (id) where to_plan is not null;
create index request_waiting on request (starts) where state = 'waiting';

create table request_item (
  request_id bigint not null,
  sequence bigint not null,
  change text not null,
  kind text not null,
  name text not null collate "C",
  constraint request_item_key primary key (request_id, sequence),
  constraint request_item_change_known check (change in ('give', 'take')),
  constraint request_item_kind_known check (kind in ('role', 'access_profile', 'account_type', 'entitlement')),
  constraint request_item_request foreign key (request_id) references request (id)
);

-- Under which key a source has asked, and a digest of what. The same key again is answered with the same request.
create table request_key (
  source_kind text not null,
  source_name text not null collate "C",
  key text not null collate "C",
  digest text not null collate "C",
  request_id bigint not null,
  at bigint not null,
  constraint request_key_key primary key (source_kind, source_name, key),
  constraint request_key_request foreign key (request_id) references request (id)
);
create index request_key_request on request_key (request_id);

-- The orders that a request is carried out by. One order may serve several requests.
create table request_order (
  request_id bigint not null,
  order_id bigint not null,
  constraint request_order_key primary key (request_id, order_id),
  constraint request_order_request foreign key (request_id) references request (id),
  constraint request_order_order foreign key (order_id) references provisioning_order (id)
);
create index request_order_order on request_order (order_id);

create table request_event (
  sequence bigserial primary key,
  request_id bigint not null,
  at bigint not null,
  state text not null,
  actor text not null,
  message text not null,
  constraint request_event_request foreign key (request_id) references request (id)
);
create index request_event_request on request_event (request_id, sequence);

-- What somebody was given by a request rather than by a rule, and from which day to which: `starts` is the first day,
-- `ends` the first on which it no longer holds. `until` closes the row: taken away, replaced, or its last day is over.
create table direct_grant (
  id bigint primary key,
  identity_id bigint not null,
  request_id bigint not null,
  kind text not null,
  name text not null collate "C",
  starts text,
  ends text,
  since bigint not null,
  until bigint,
  -- The request that took it away; none where its last day came.
  ended_by bigint,
  constraint direct_grant_kind_known check (kind in ('role', 'access_profile', 'account_type', 'entitlement')),
  constraint direct_grant_interval check (until is null or until >= since),
  constraint direct_grant_identity foreign key (identity_id) references identity (id),
  constraint direct_grant_request foreign key (request_id) references request (id),
  constraint direct_grant_ended_by foreign key (ended_by) references request (id)
);
create index direct_grant_identity on direct_grant (identity_id, id);
create unique index direct_grant_current on direct_grant (request_id, kind, name) where until is null;
create index direct_grant_ended_by on direct_grant (ended_by);
create index direct_grant_ends on direct_grant (ends) where until is null and ends is not null;
