-- Those who sign in.
create table console_user (
  id bigint primary key,
  login text not null,
  folded_login text not null collate "C",
  display_name text not null,
  identity_id bigint,
  profiles jsonb not null,
  disabled boolean not null,
  password_hash text not null,
  created_at bigint not null,
  constraint console_user_login unique (folded_login)
);

create table login_attempt (
  sequence bigserial primary key,
  folded_login text not null collate "C",
  address text not null collate "C",
  succeeded boolean not null,
  at bigint not null
);
create index login_attempt_login on login_attempt (folded_login, at);
create index login_attempt_address on login_attempt (address, at);

-- Ids are hashes: who reads this table cannot take a session over.
create table session (
  id_hash text not null collate "C",
  user_id bigint,
  data text not null,
  expires_at bigint not null,
  created_at bigint not null,
  address text not null,
  agent text not null,
  constraint session_key primary key (id_hash),
  constraint session_owner foreign key (user_id) references console_user (id)
);
create index session_owner on session (user_id);
create index session_expires on session (expires_at);

create table audit_line (
  sequence bigserial primary key,
  at bigint not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail text not null
);
