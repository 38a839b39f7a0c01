-- Campaigns in which people look at access that others hold. The states are the tables of `broker::certification`.
create table certification_campaign (
  id bigint primary key,
  name text not null,
  description text not null,
  scope jsonb not null,
  reviewers jsonb not null,
  fallback jsonb not null,
  -- First and last day.
  starts text not null,
  ends text not null,
  remind_days bigint,
  at_end text not null,
  state text not null,
  -- While it is put together: everybody up to this identity is in it.
  through bigint not null,
  created_by text not null,
  created_at bigint not null,
  started_at bigint,
  reminded_at bigint,
  ended_at bigint,
  ended_by text,
  constraint certification_campaign_at_end_known check (at_end in ('keep', 'revoke', 'mark')),
  constraint certification_campaign_state_known check (state in ('staged', 'active', 'ended', 'cancelled')),
  constraint certification_campaign_period check (starts <= ends),
  constraint certification_campaign_ended check ((state in ('ended', 'cancelled')) = (ended_at is not null))
);
create index certification_campaign_running on certification_campaign (id) where state in ('staged', 'active');

-- One thing that somebody held when a campaign began, and what became of it.
create table certification_item (
  id bigint primary key,
  campaign_id bigint not null,
  identity_id bigint not null,
  kind text not null,
  name text not null collate "C",
  -- Empty for roles.
  application text not null collate "C",
  origin text not null,
  reasons jsonb not null,
  since bigint not null,
  -- What reconciliation calls it, where nothing grants it; empty otherwise.
  subject text not null collate "C",
  risk bigint,
  state text not null,
  -- Goes up with every change, so that what is decided is what was seen.
  version bigint not null,
  decided_by text collate "C",
  decided_at bigint,
  comment text not null,
  signed_at bigint,
  request_id bigint,
  -- What its owner has to change.
  changes jsonb,
  message text,
  ended_at bigint,
  constraint certification_item_kind_known check (kind in ('role', 'access_profile', 'account_type', 'entitlement')),
  constraint certification_item_origin_known check (origin in ('by_hand', 'rule', 'inherited', 'non_conforming')),
  constraint certification_item_state_known check (state in (
    'open', 'approved', 'revoked', 'certified', 'requested', 'with_owner', 'removed', 'failed', 'kept', 'lapsed', 'marked',
    'cancelled'
  )),
  constraint certification_item_decided check (
    state not in ('approved', 'revoked', 'certified') or decided_by is not null
  ),
  -- INVARIANT: nothing is certified or taken away that nobody, or no end of a campaign, has signed off.
  constraint certification_item_signed check (
    (state in ('certified', 'requested', 'with_owner', 'removed', 'failed', 'kept')) = (signed_at is not null)
  ),
  constraint certification_item_campaign foreign key (campaign_id) references certification_campaign (id),
  constraint certification_item_identity foreign key (identity_id) references identity (id),
  constraint certification_item_request foreign key (request_id) references request (id)
);
create unique index certification_item_once
  on certification_item (campaign_id, identity_id, kind, name, subject);
create index certification_item_listed on certification_item (campaign_id, state, id);
create index certification_item_pages on certification_item (campaign_id, id);
create index certification_item_identity on certification_item (identity_id, kind, name);
create index certification_item_request on certification_item (request_id);
create index certification_item_unsigned on certification_item (campaign_id, id)
  where state in ('open', 'approved', 'revoked');
create index certification_item_followed on certification_item (id)
  where state in ('requested', 'with_owner', 'failed');

-- Whose word is waited for: any one of them.
create table certification_reviewer (
  item_id bigint not null,
  -- In lower case.
  login text not null collate "C",
  constraint certification_reviewer_key primary key (item_id, login),
  constraint certification_reviewer_item foreign key (item_id) references certification_item (id)
);
create index certification_reviewer_login on certification_reviewer (login, item_id);

create table certification_event (
  sequence bigserial primary key,
  item_id bigint not null,
  at bigint not null,
  state text not null,
  actor text not null,
  message text not null,
  constraint certification_event_item foreign key (item_id) references certification_item (id)
);
create index certification_event_item on certification_event (item_id, sequence);

-- People are told of what they are to certify as well.
create table notice_with_certifications (
  sequence bigserial primary key,
  at bigint not null,
  kind text not null,
  about text not null,
  sentence text not null,
  link text not null,
  run_id bigint,
  to_kind text,
  to_name text collate "C",
  constraint notice_kind_known check (kind in (
    'work_item', 'review', 'run_ended', 'application_trouble', 'form', 'native_change', 'approval', 'certification'
  )),
  constraint notice_belongs_to_run foreign key (run_id) references run (id)
);
insert into notice_with_certifications (at, kind, about, sentence, link, run_id, to_kind, to_name)
select at, kind, about, sentence, link, run_id, to_kind, to_name
from notice
order by sequence;
drop table notice;
alter table notice_with_certifications rename to notice;
create index notice_run on notice (run_id);
