-- What an order is sent to: its own application, another one that writes in its place, or an integration. Queues are
-- theirs, since it is they who answer or do not.
alter table provisioning_order add column carrier text collate "C" not null default '';

update provisioning_order
set carrier = application;

drop index order_queue;
create index order_queue on provisioning_order (carrier, lane, turn_at, id) where state = 1;
create index order_carrier on provisioning_order (carrier, state);
