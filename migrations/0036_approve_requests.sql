-- Approvals of what requests ask for: each thing on its own, by its own stages. The states are the table of
-- `model::approval`. The stages are kept as they were when it was asked.
create table request_approval (
  request_id bigint not null,
  -- Which of the request's things.
  line bigint not null,
  stages jsonb not null,
  state text not null,
  stage bigint not null,
  -- How often the stage was escalated.
  level bigint not null,
  since bigint not null,
  escalates_at bigint,
  ended_at bigint,
  constraint request_approval_key primary key (request_id, line),
  constraint request_approval_state_known check (state in ('waiting', 'approved', 'declined', 'cancelled')),
  constraint request_approval_ended check ((state = 'waiting') = (ended_at is null)),
  constraint request_approval_level_known check (level between 0 and 2),
  constraint request_approval_item foreign key (request_id, line) references request_item (request_id, sequence)
);
create index request_approval_waiting on request_approval (request_id, line) where state = 'waiting';

-- Who decided what about a stage: a person, or a rule by itself. Nobody decides twice about the same stage.
create table request_decision (
  sequence bigserial primary key,
  request_id bigint not null,
  line bigint not null,
  stage bigint not null,
  by_kind text not null,
  by_name text not null collate "C",
  verdict text not null,
  comment text not null,
  at bigint not null,
  constraint request_decision_by_known check (by_kind in ('user', 'rule')),
  constraint request_decision_verdict_known check (verdict in ('approve', 'decline')),
  constraint request_decision_approval foreign key (request_id, line) references request_approval (request_id, line)
);
create unique index request_decision_once on request_decision (request_id, line, stage, by_kind, by_name);

-- People are told of what waits for their approval as well.
create table notice_with_approvals (
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
    'work_item', 'review', 'run_ended', 'application_trouble', 'form', 'native_change', 'approval'
  )),
  constraint notice_belongs_to_run foreign key (run_id) references run (id)
);
insert into notice_with_approvals (at, kind, about, sentence, link, run_id, to_kind, to_name)
select at, kind, about, sentence, link, run_id, to_kind, to_name
from notice
order by sequence;
drop table notice;
alter table notice_with_approvals rename to notice;
create index notice_run on notice (run_id);
