-- What people decided about something that is held and nothing grants. What there is to decide about is no table: it is
-- the difference between what is held and what is desired.
create table reconciliation_decision (
  id bigint primary key,
  -- What it is about, as forms and the command line name it.
  subject text not null collate "C",
  verdict text not null,
  identity_id bigint,
  application text not null collate "C",
  title text not null,
  account_id bigint,
  -- Key of the entitlement, and since when it was held; empty and none where it is not about one.
  entitlement text not null collate "C",
  held_since bigint,
  grant_id bigint,
  grantable_kind text,
  grantable_name text collate "C",
  request_id bigint,
  responsible text,
  -- ISO day: the last on which it is kept, or until which it is postponed.
  until text,
  comment text not null,
  decided_by text not null,
  decided_at bigint not null,
  ended_by text,
  ended_at bigint,
  constraint reconciliation_decision_verdict_known check (verdict in ('keep', 'remove', 'postpone')),
  constraint reconciliation_decision_explained check (comment <> ''),
  constraint reconciliation_decision_ended_by_whom check ((ended_by is null) = (ended_at is null)),
  constraint reconciliation_decision_postponed_until check (verdict <> 'postpone' or until is not null),
  constraint reconciliation_decision_identity foreign key (identity_id) references identity (id),
  constraint reconciliation_decision_account foreign key (account_id) references account (id),
  constraint reconciliation_decision_grant foreign key (grant_id) references direct_grant (id),
  constraint reconciliation_decision_request foreign key (request_id) references request (id)
);
-- INVARIANT: about one thing one decision stands at most.
create unique index reconciliation_decision_standing on reconciliation_decision (subject) where ended_at is null;
create index reconciliation_decision_account on reconciliation_decision (account_id);
create index reconciliation_decision_identity on reconciliation_decision (identity_id);
create index reconciliation_decision_grant on reconciliation_decision (grant_id);
create index reconciliation_decision_request on reconciliation_decision (request_id);

-- When an application went live, and what nothing granted then.
create table go_live (
  application text not null collate "C",
  at bigint not null,
  marked_by text not null,
  access_count bigint not null,
  account_count bigint not null,
  constraint go_live_key primary key (application, at)
);

-- What was there at go-live: it is not taken away by itself. The mark counts while the same is held, until something
-- grants it.
create table pre_existing (
  account_id bigint not null,
  -- Empty for the account itself.
  entitlement text not null collate "C",
  -- Name of what nothing granted: entitlement or account type.
  name text not null collate "C",
  held_since bigint not null,
  marked_by text not null,
  marked_at bigint not null,
  constraint pre_existing_key primary key (account_id, entitlement),
  constraint pre_existing_account foreign key (account_id) references account (id)
);

-- What nothing grants is looked for entitlement by entitlement.
create index account_entitlement_held on account_entitlement (entitlement, account_id) where until is null;
