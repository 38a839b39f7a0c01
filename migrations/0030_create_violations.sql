-- Who breaks which rule of which risk, from when to when. What is decided meanwhile says how it stands; the rules are the
-- table of `broker::violation`.
create table violation (
  id bigint primary key,
  identity_id bigint not null,
  risk text not null collate "C",
  -- Position among the risk's rules, from 1.
  rule bigint not null,
  state text not null,
  since bigint not null,
  until bigint,
  -- Goes up with every change, so that what is decided is what was seen.
  version bigint not null,
  opened_by_run bigint,
  closed_by_run bigint,
  constraint violation_rule_counted check (rule > 0),
  constraint violation_state_known check (state in ('open', 'excepted', 'remediation', 'closed')),
  constraint violation_closed_when check ((state = 'closed') = (until is not null)),
  constraint violation_interval check (until is null or until >= since),
  constraint violation_identity foreign key (identity_id) references identity (id),
  constraint violation_opened_by_run foreign key (opened_by_run) references run (id),
  constraint violation_closed_by_run foreign key (closed_by_run) references run (id)
);
-- INVARIANT: somebody breaks a rule once at a time.
create unique index violation_current on violation (identity_id, risk, rule) where until is null;
create index violation_listed on violation (state, id);
create index violation_risk on violation (risk, id);
create index violation_identity on violation (identity_id, id);
create index violation_opened_by_run on violation (opened_by_run);
create index violation_closed_by_run on violation (closed_by_run);

-- What a violation rests on: what was held of each side, from when to when, and why.
create table violation_thing (
  id bigint primary key,
  violation_id bigint not null,
  side bigint not null,
  kind text not null,
  name text not null collate "C",
  -- Empty for roles.
  application text not null collate "C",
  reasons jsonb not null,
  -- Accounts that hold it although nothing grants it.
  accounts jsonb not null,
  since bigint not null,
  until bigint,
  constraint violation_thing_side_counted check (side > 0),
  constraint violation_thing_kind_known check (kind in ('role', 'access_profile', 'account_type', 'entitlement')),
  constraint violation_thing_interval check (until is null or until >= since),
  constraint violation_thing_violation foreign key (violation_id) references violation (id)
);
create unique index violation_thing_current on violation_thing (violation_id, side, kind, name) where until is null;
create index violation_thing_violation on violation_thing (violation_id, since);
create index violation_thing_application on violation_thing (application, violation_id);

-- What people decided about violations, and how long it was in force.
create table violation_decision (
  id bigint primary key,
  violation_id bigint not null,
  kind text not null,
  decided_by text not null,
  decided_at bigint not null,
  -- Of an exception: what makes it bearable, and until which day, that day included.
  control text,
  last_day text,
  -- Of a remediation: which side is given up, why, and by which request.
  side bigint,
  why text,
  request_id bigint,
  ended_at bigint,
  ended_by text,
  ended_why text,
  constraint violation_decision_kind_known check (kind in ('exception', 'remediation')),
  constraint violation_decision_exception check ((kind = 'exception') = (control is not null and last_day is not null)),
  constraint violation_decision_remediation check ((kind = 'remediation') = (side is not null and why is not null)),
  constraint violation_decision_ended check ((ended_at is null) = (ended_why is null)),
  constraint violation_decision_violation foreign key (violation_id) references violation (id),
  constraint violation_decision_request foreign key (request_id) references request (id)
);
create unique index violation_decision_current on violation_decision (violation_id) where ended_at is null;
create index violation_decision_violation on violation_decision (violation_id, id);
create index violation_decision_over on violation_decision (last_day) where ended_at is null;
create index violation_decision_request on violation_decision (request_id);

create table violation_event (
  sequence bigserial primary key,
  violation_id bigint not null,
  at bigint not null,
  state text not null,
  actor text not null,
  message text not null,
  constraint violation_event_state_known check (state in ('open', 'excepted', 'remediation', 'closed')),
  constraint violation_event_violation foreign key (violation_id) references violation (id)
);
create index violation_event_violation on violation_event (violation_id, sequence);

-- Risks that a request was known to bring about, and why whoever asked bears them.
create table request_risk (
  request_id bigint not null,
  risk text not null collate "C",
  rule bigint not null,
  on_conflict text not null,
  comment text not null,
  constraint request_risk_key primary key (request_id, risk, rule),
  constraint request_risk_on_conflict_known check (on_conflict in ('warn', 'approve', 'block')),
  constraint request_risk_request foreign key (request_id) references request (id)
);
