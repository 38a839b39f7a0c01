-- What reviewers declined: the same is not ordered again, until a person reopens it.
create table declined_change (
  id bigint primary key,
  identity_id bigint not null,
  account_type text not null collate "C",
  account_id bigint,
  kind text not null,
  name text not null collate "C",
  account_operation text not null,
  operation text not null,
  value jsonb,
  order_id bigint not null,
  declined_by text not null,
  declined_at bigint not null,
  comment text not null,
  reopened_by text,
  reopened_at bigint,
  constraint declined_change_kind_known check (kind in ('attribute', 'entitlement', 'lifecycle')),
  constraint declined_change_operation_known check (operation in ('set', 'add', 'remove')),
  constraint declined_change_account_operation_known check (
    account_operation in ('create', 'update', 'enable', 'disable', 'delete')
  ),
  constraint declined_change_commented check (comment <> ''),
  constraint declined_change_reopened_whole check ((reopened_by is null) = (reopened_at is null)),
  constraint declined_change_identity foreign key (identity_id) references identity (id),
  constraint declined_change_account foreign key (account_id) references account (id),
  constraint declined_change_order foreign key (order_id) references provisioning_order (id)
);
create index declined_change_identity on declined_change (identity_id) where reopened_at is null;
create index declined_change_account on declined_change (account_id);
create index declined_change_order on declined_change (order_id);
