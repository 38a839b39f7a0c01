-- Whose work a work item is, its lines, its clock, questions on it, and what happened to it. A table's checks cannot be
-- changed on SQLite, so the table is made anew.
create table work_item_before as select * from work_item;
drop table work_item;

create table work_item (
  id bigint primary key,
  order_id bigint not null,
  fence bigint not null,
  part bigint not null,
  application text not null collate "C",
  state text not null,
  fulfiller_kind text not null,
  fulfiller text collate "C",
  chosen text not null,
  claimed_by bigint,
  created_at bigint not null,
  due_at bigint,
  paused_at bigint,
  next_action_at bigint,
  reminders bigint not null,
  escalations bigint not null,
  closed_at bigint,
  closed_by bigint,
  note text,
  reference text,
  constraint work_item_state_known check (state in ('open', 'done', 'partly_done', 'cannot_do', 'withdrawn')),
  constraint work_item_closed_when check ((state = 'open') = (closed_at is null)),
  constraint work_item_fulfiller_kind check (fulfiller_kind in ('user', 'profile', 'everybody')),
  constraint work_item_fulfiller_when check ((fulfiller_kind = 'everybody') = (fulfiller is null)),
  constraint work_item_chosen_known check (
    chosen in ('account_type', 'revoker', 'connection', 'owner', 'everybody', 'reassigned', 'split', 'escalated')
  ),
  constraint work_item_paused_when check (paused_at is null or state = 'open'),
  constraint work_item_reminders_limit check (reminders between 0 and 20),
  constraint work_item_order foreign key (order_id) references provisioning_order (id),
  constraint work_item_claimed_by foreign key (claimed_by) references console_user (id),
  constraint work_item_closed_by foreign key (closed_by) references console_user (id)
);

insert into work_item (
  id, order_id, fence, part, application, state, fulfiller_kind, fulfiller, chosen, claimed_by, created_at, due_at,
  reminders, escalations, closed_at, closed_by, note
)
select
  b.id, b.order_id, o.fence, 0, b.application, b.state, 'everybody', null, 'everybody', b.claimed_by, b.created_at,
  b.due_at, 0, 0, b.closed_at, b.closed_by, b.note
from work_item_before b
join provisioning_order o on o.id = b.order_id;
drop table work_item_before;

create unique index work_item_one_open on work_item (order_id, part) where state = 'open';
create index work_item_order on work_item (order_id, id);
create index work_item_page on work_item (created_at, id);
create index work_item_state on work_item (state, created_at, id);
create index work_item_due on work_item (coalesce(due_at, 253402207200000000), id) where state = 'open';
create index work_item_application on work_item (application, state, created_at, id);
create index work_item_claimed_by on work_item (claimed_by);
create index work_item_closed_by on work_item (closed_by);
create index work_item_fulfiller on work_item (fulfiller, fulfiller_kind) where state = 'open';
create index work_item_next_action on work_item (next_action_at) where next_action_at is not null;

create table work_item_line (
  work_item_id bigint not null,
  order_item_id bigint not null,
  outcome text,
  told text,
  constraint work_item_line_key primary key (work_item_id, order_item_id),
  constraint work_item_line_outcome check (outcome in ('done', 'cannot_do')),
  constraint work_item_line_told check (
    case when outcome = 'cannot_do' then told is not null when outcome is null then told is null else true end
  ),
  constraint work_item_line_item foreign key (work_item_id) references work_item (id),
  constraint work_item_line_order_item foreign key (order_item_id) references order_item (id)
);
create index work_item_line_order_item on work_item_line (order_item_id);

insert into work_item_line (work_item_id, order_item_id)
select w.id, i.id
from work_item w
join order_item i on i.order_id = w.order_id
where w.state = 'open'
  and i.state not in (4, 6, 8);

create table work_item_question (
  id bigint primary key,
  work_item_id bigint not null,
  asked_by bigint,
  asked_of bigint not null,
  question text not null,
  asked_at bigint not null,
  answer text,
  closed_at bigint,
  closed_by bigint,
  constraint work_item_question_answered check (answer is null or closed_at is not null),
  constraint work_item_question_item foreign key (work_item_id) references work_item (id),
  constraint work_item_question_asked_by foreign key (asked_by) references console_user (id),
  constraint work_item_question_asked_of foreign key (asked_of) references console_user (id),
  constraint work_item_question_closed_by foreign key (closed_by) references console_user (id)
);
create unique index work_item_question_one_open on work_item_question (work_item_id) where closed_at is null;
create index work_item_question_item on work_item_question (work_item_id);
create index work_item_question_asked_by on work_item_question (asked_by);
create index work_item_question_asked_of on work_item_question (asked_of, closed_at);
create index work_item_question_closed_by on work_item_question (closed_by);

create table work_item_event (
  sequence bigserial primary key,
  work_item_id bigint not null,
  at bigint not null,
  actor text not null,
  kind text not null,
  message text not null,
  constraint work_item_event_kind check (
    kind in (
      'opened', 'claimed', 'released', 'reassigned', 'split', 'asked', 'answered', 'reported', 'reminded', 'escalated',
      'closed'
    )
  ),
  constraint work_item_event_item foreign key (work_item_id) references work_item (id)
);
create index work_item_event_item on work_item_event (work_item_id, sequence);

-- A filled file of reports, as far as it was not taken.
create table work_item_upload (
  id bigint primary key,
  user_id bigint,
  at bigint not null,
  body jsonb not null,
  constraint work_item_upload_user foreign key (user_id) references console_user (id)
);
create index work_item_upload_user on work_item_upload (user_id, at);

-- Who is to be told, where that does not follow from permission paths.
alter table notice add column to_kind text;
alter table notice add column to_name text collate "C";
