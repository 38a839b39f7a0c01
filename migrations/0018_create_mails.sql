-- What somebody may have to be told of, written with the change itself, and the mails that are made of it.
create table notice (
  sequence bigserial primary key,
  at bigint not null,
  kind text not null,
  about text not null,
  sentence text not null,
  link text not null,
  run_id bigint,
  constraint notice_kind check (kind in ('work_item', 'review', 'run_ended', 'application_trouble')),
  constraint notice_run foreign key (run_id) references run (id)
);
create index notice_run on notice (run_id);

create table mail (
  id bigint primary key,
  user_id bigint not null,
  address text not null,
  subject text not null,
  body text not null,
  html text not null,
  state text not null,
  attempts bigint not null,
  next_attempt_at bigint,
  created_at bigint not null,
  sent_at bigint,
  problem text,
  constraint mail_state check (state in ('waiting', 'sent', 'failed')),
  constraint mail_waits check ((state = 'waiting') = (next_attempt_at is not null)),
  constraint mail_owner foreign key (user_id) references console_user (id)
);
create index mail_due on mail (next_attempt_at) where state = 'waiting';
create index mail_created on mail (created_at, id);
create index mail_owner on mail (user_id);
create index mail_state on mail (state);

-- A user's own address, and the kinds of events that the user does not want to be told of.
create table mail_preference (
  user_id bigint primary key,
  address text,
  silenced jsonb not null,
  constraint mail_preference_owner foreign key (user_id) references console_user (id)
);
