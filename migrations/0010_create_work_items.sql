create table work_item (
  id bigint primary key,
  order_id bigint not null,
  application text not null collate "C",
  state text not null,
  claimed_by bigint,
  created_at bigint not null,
  due_at bigint,
  closed_at bigint,
  closed_by bigint,
  note text,
  constraint work_item_state_known check (state in ('open', 'done', 'cannot_do', 'withdrawn')),
  constraint work_item_closed_when check ((state = 'open') = (closed_at is null)),
  constraint work_item_order foreign key (order_id) references provisioning_order (id),
  constraint work_item_claimed_by foreign key (claimed_by) references console_user (id),
  constraint work_item_closed_by foreign key (closed_by) references console_user (id)
);
create unique index work_item_one_open on work_item (order_id) where state = 'open';
create index work_item_order on work_item (order_id);
create index work_item_page on work_item (created_at, id);
create index work_item_state on work_item (state, created_at, id);
create index work_item_application on work_item (application, state, created_at, id);
create index work_item_claimed_by on work_item (claimed_by);
create index work_item_closed_by on work_item (closed_by);
