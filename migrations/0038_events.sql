-- Programs go on from 0037.
-- What other systems are told. Whoever writes a fact writes an `event_fact` in the same transaction; one publisher at a time,
-- which holds the row of the stream, moves what is committed into `event` and numbers it there. So numbers have no gaps: they
-- are given to what is there already, in the transaction that counts the stream up. The audit trail is numbered likewise, in
-- its own lines.
create table event_stream (
  name text not null collate "C",
  -- Changes when the database was put back to an earlier state, because numbers begin to mean something else.
  epoch text collate "C",
  last bigint not null,
  -- Whether facts are written for it at all.
  wanted boolean not null,
  constraint event_stream_key primary key (name),
  constraint event_stream_known check (name in ('events', 'audit')),
  constraint event_stream_counted check (last >= 0)
);
insert into event_stream (name, epoch, last, wanted) values ('events', null, 0, false), ('audit', null, 0, true);

create table event_fact (
  sequence bigserial primary key,
  at bigint not null,
  body jsonb not null
);

create table event (
  number bigint primary key,
  at bigint not null,
  body jsonb not null
);
create index event_at on event (at);

alter table audit_line add column number bigint;
create index audit_line_number on audit_line (number);
create index audit_line_unnumbered on audit_line (sequence) where number is null;

-- Where each receiver of the configuration is.
create table subscription (
  name text not null collate "C",
  stream text not null collate "C",
  state text not null,
  -- Everything up to here is delivered, set aside, or not meant for it; `previous` is the last of these that was meant for it.
  cursor_number bigint not null,
  previous bigint not null,
  attempts bigint not null,
  next_attempt_at bigint,
  problem text,
  failing_since bigint,
  delivered bigint not null,
  delivered_at bigint,
  -- Whoever delivers holds the lease; the fence goes up with every holder.
  fence bigint not null,
  lease_node text,
  lease_until bigint,
  constraint subscription_key primary key (name),
  constraint subscription_state_known check (state in ('active', 'paused', 'stopped')),
  constraint subscription_counted check (cursor_number >= 0 and previous >= 0 and attempts >= 0),
  constraint subscription_stream foreign key (stream) references event_stream (name)
);
create index subscription_stream on subscription (stream);

-- Messages that a receiver refused for good, until a person has them sent once more.
create table set_aside_message (
  subscription text not null collate "C",
  number bigint not null,
  previous bigint not null,
  at bigint not null,
  attempts bigint not null,
  problem text not null,
  again boolean not null,
  constraint set_aside_message_key primary key (subscription, number),
  constraint set_aside_message_subscription foreign key (subscription) references subscription (name)
);

-- What receivers sign in with that ask by themselves. Only hashes are kept.
create table event_token (
  id bigint primary key,
  subscription text not null collate "C",
  token_hash text not null collate "C",
  created_by text not null,
  created_at bigint not null,
  revoked_by text,
  revoked_at bigint,
  constraint event_token_hash unique (token_hash),
  constraint event_token_revoked check ((revoked_by is null) = (revoked_at is null))
);
