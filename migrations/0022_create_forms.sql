-- Values that no source gives and that people are asked for. A form is what one owner is asked about one identity; an
-- answer stands until it is changed, and what was answered before stays.
create table form (
  id bigint primary key,
  identity_id bigint not null,
  owner_kind text not null,
  owner text not null collate "C",
  opened_at bigint not null,
  closed_at bigint,
  constraint form_owner_known check (owner_kind in ('login', 'profile', 'operators')),
  constraint form_closed check (closed_at is null or closed_at >= opened_at),
  constraint form_identity foreign key (identity_id) references identity (id)
);
create unique index form_one_open on form (identity_id, owner_kind, owner) where closed_at is null;
create index form_identity on form (identity_id);
create index form_listed on form (opened_at, id) where closed_at is null;

create table question (
  id bigint primary key,
  form_id bigint not null,
  identity_id bigint not null,
  key text not null collate "C",
  label text not null,
  places jsonb not null,
  choices jsonb not null,
  asked_at bigint not null,
  closed_at bigint,
  outcome text,
  constraint question_outcome_known check (outcome in ('answered', 'default', 'moved', 'withdrawn')),
  constraint question_closed_whole check ((closed_at is null) = (outcome is null)),
  constraint question_form foreign key (form_id) references form (id),
  constraint question_identity foreign key (identity_id) references identity (id)
);
-- INVARIANT: nobody is asked the same about the same person twice.
create unique index question_one_open on question (identity_id, key) where closed_at is null;
create index question_form on question (form_id);

create table answer (
  id bigint primary key,
  identity_id bigint not null,
  key text not null collate "C",
  value jsonb not null,
  given_by text,
  since bigint not null,
  until bigint,
  planned boolean not null,
  constraint answer_in_order check (until is null or until >= since),
  constraint answer_identity foreign key (identity_id) references identity (id)
);
create unique index answer_in_force on answer (identity_id, key) where until is null;
create index answer_to_plan on answer (identity_id) where not planned;

-- An order that waits for an answer is never sent: the order that has the answer replaces it.
alter table provisioning_order add column awaits_answer boolean not null default false;

-- Forms are told of to their owner, and to nobody else.
create table notice_with_forms (
  sequence bigserial primary key,
  at bigint not null,
  kind text not null,
  about text not null,
  sentence text not null,
  link text not null,
  run_id bigint,
  to_kind text,
  to_name text collate "C",
  constraint notice_kind_known check (kind in ('work_item', 'review', 'run_ended', 'application_trouble', 'form')),
  constraint notice_of_run foreign key (run_id) references run (id)
);
insert into notice_with_forms (at, kind, about, sentence, link, run_id, to_kind, to_name)
select at, kind, about, sentence, link, run_id, to_kind, to_name
from notice
order by sequence;
drop table notice;
alter table notice_with_forms rename to notice;
create index notice_run on notice (run_id);
