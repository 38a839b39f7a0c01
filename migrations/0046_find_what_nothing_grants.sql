-- What nothing grants is looked for in accounts of which it is not known that all they hold is granted, instead of in all
-- there are. Programs from before do not say whose that changes, so that none goes on beside this.
--
-- Whoever changes what an account holds, or takes away what is granted to its owner, puts a row in. Once everything that the
-- account holds is found to be granted, the rows that were seen go; those that were put in meanwhile stay. So nobody waits
-- for anybody, and an account may stand here several times.
create table account_to_reconcile (
  sequence bigserial primary key,
  account_id bigint not null,
  -- ISO day from which on it has to be looked at: when the first grant ends. Empty: now.
  due text not null collate "C",
  constraint account_to_reconcile_account foreign key (account_id) references account (id)
);
create index account_to_reconcile_account on account_to_reconcile (account_id);
create index account_to_reconcile_due on account_to_reconcile (due, account_id);
insert into account_to_reconcile (account_id, due)
select id, ''
from account
where owner_id is not null
  and status <> 'gone'
order by id;

-- Where there are many, the latest is looked at first.
create index account_entitlement_time on account_entitlement (since, account_id, entitlement) where until is null;
create index account_enabled_time on account (created_at, id) where status = 'enabled';
