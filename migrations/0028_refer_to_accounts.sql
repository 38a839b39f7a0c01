-- An order of which a value is still to come from another account of the same person is not sent until it is filled in.
alter table provisioning_order add column awaits_reference boolean not null default false;
create index order_awaits_reference on provisioning_order (id) where awaits_reference;

-- People for whom is to be planned anew: an account has changed that values of their others come from.
create table reference_change (
  identity_id bigint not null,
  noted_at bigint not null,
  constraint reference_change_key primary key (identity_id),
  constraint reference_change_identity foreign key (identity_id) references identity (id)
);
