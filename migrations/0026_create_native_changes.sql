-- Attributes that the last complete reading looked at, by account type: what the next reading is compared in.
create table native_baseline (
  application text not null collate "C",
  account_type text not null collate "C",
  attributes jsonb not null,
  read_at bigint not null,
  constraint native_baseline_key primary key (application, account_type)
);

-- What an application was found to hold differently, and nobody had ordered. The rules are the table of
-- `broker::native_change`.
create table native_change (
  id bigint primary key,
  application text not null collate "C",
  account_type text not null collate "C",
  account_id bigint not null,
  account_key text not null collate "C",
  identity_id bigint,
  kind text not null,
  name text not null collate "C",
  value_before jsonb,
  value_after jsonb,
  -- What was there before the first of several changes that nobody decided on.
  instead_of jsonb,
  seen_at bigint not null,
  run_id bigint not null,
  reaction text not null,
  state text not null,
  why text,
  -- It stands in the place of what the role model wants.
  holds boolean not null,
  decided_by text,
  decided_at bigint,
  comment text,
  order_id bigint,
  constraint native_change_kind_known check (kind in (
    'created', 'deleted', 'enabled', 'disabled', 'attribute', 'entitlement_added', 'entitlement_removed'
  )),
  constraint native_change_named check (
    (kind in ('created', 'deleted', 'enabled', 'disabled')) = (name = '')
  ),
  constraint native_change_reaction_known check (reaction in ('accept', 'notify', 'review', 'revert')),
  constraint native_change_state_known check (state in (
    'open', 'reverting', 'noted', 'accepted', 'reverted', 'overtaken'
  )),
  constraint native_change_holds_while check (not holds or state in ('open', 'accepted')),
  constraint native_change_decided_whole check ((decided_by is null) = (decided_at is null)),
  constraint native_change_account foreign key (account_id) references account (id),
  constraint native_change_identity foreign key (identity_id) references identity (id),
  constraint native_change_run foreign key (run_id) references run (id),
  constraint native_change_order foreign key (order_id) references provisioning_order (id)
);
-- INVARIANT: nothing is found twice in one reading, and about one thing one change at most waits or is being set back.
create unique index native_change_once on native_change (account_id, kind, name, seen_at);
create unique index native_change_one_undecided on native_change (account_id, kind, name)
  where state in ('open', 'reverting');
create index native_change_listed on native_change (state, id);
create index native_change_application on native_change (application, id);
create index native_change_identity on native_change (identity_id, id);
create index native_change_standing on native_change (application)
  where holds or state in ('open', 'reverting');
create index native_change_run on native_change (run_id);
create index native_change_order on native_change (order_id);

-- People are told of native changes as well.
create table notice_with_native_changes (
  sequence bigserial primary key,
  at bigint not null,
  kind text not null,
  about text not null,
  sentence text not null,
  link text not null,
  run_id bigint,
  to_kind text,
  to_name text collate "C",
  constraint notice_kind_is_known check (kind in (
    'work_item', 'review', 'run_ended', 'application_trouble', 'form', 'native_change'
  )),
  constraint notice_is_of_run foreign key (run_id) references run (id)
);
insert into notice_with_native_changes (at, kind, about, sentence, link, run_id, to_kind, to_name)
select at, kind, about, sentence, link, run_id, to_kind, to_name
from notice
order by sequence;
drop table notice;
alter table notice_with_native_changes rename to notice;
create index notice_run on notice (run_id);
