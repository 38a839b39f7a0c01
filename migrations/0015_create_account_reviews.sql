-- Who may own an account that was found, where no rule is certain. Each reading replaces them.
create table owner_proposal (
  account_id bigint not null,
  identity_id bigint not null,
  confidence bigint not null,
  matches jsonb not null,
  proposed_at bigint not null,
  constraint owner_proposal_key primary key (account_id, identity_id),
  constraint owner_proposal_account foreign key (account_id) references account (id),
  constraint owner_proposal_identity foreign key (identity_id) references identity (id)
);
create index owner_proposal_identity on owner_proposal (identity_id);

-- Of which type an account may be, where no rule is certain or several say different things.
create table type_proposal (
  account_id bigint not null,
  account_type text not null collate "C",
  confidence bigint not null,
  condition text not null,
  proposed_at bigint not null,
  constraint type_proposal_key primary key (account_id, account_type),
  constraint type_proposal_account foreign key (account_id) references account (id)
);

-- What a person decided about an account. It stands until a person reopens it.
create table account_decision (
  sequence bigserial primary key,
  account_id bigint not null,
  kind text not null,
  identity_id bigint,
  account_type text collate "C",
  decided_by text not null,
  decided_at bigint not null,
  reopened_by text,
  reopened_at bigint,
  constraint account_decision_kind_known check (kind in ('linked', 'not_theirs', 'orphan', 'classified')),
  constraint account_decision_identity_named check ((kind in ('linked', 'not_theirs')) = (identity_id is not null)),
  constraint account_decision_type_named check ((kind = 'classified') = (account_type is not null)),
  constraint account_decision_reopened_by_whom check ((reopened_by is null) = (reopened_at is null)),
  constraint account_decision_account foreign key (account_id) references account (id),
  constraint account_decision_identity foreign key (identity_id) references identity (id)
);
-- One owner, or none, and one type, at a time; somebody is refused once.
create unique index account_decision_owner on account_decision (account_id)
  where kind in ('linked', 'orphan') and reopened_at is null;
create unique index account_decision_type on account_decision (account_id, kind)
  where kind = 'classified' and reopened_at is null;
create unique index account_decision_not_theirs on account_decision (account_id, identity_id)
  where kind = 'not_theirs' and reopened_at is null;
create index account_decision_account on account_decision (account_id);
create index account_decision_identity on account_decision (identity_id);

-- Accounts that wait for a person are counted and listed.
create index account_without_owner on account (application) where owner_id is null and status <> 'gone';
create index account_unclassified on account (application) where account_type = '' and status <> 'gone';
