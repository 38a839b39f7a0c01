-- What nothing grants is kept, instead of being looked for in all that is held whenever somebody asks. Programs from before do not
-- say whose that changes, so that none goes on beside this.
--
-- Whoever changes what an account holds, or what is granted to its owner, puts a row in. Once the account was compared, the rows
-- that were seen before go; those that were put in meanwhile stay. So nobody waits for anybody, and an account may stand here
-- several times.
create table account_to_reconcile (
  sequence bigserial primary key,
  account_id bigint not null,
  -- ISO day from which on it has to be compared: when the first grant begins or ends. Empty: now.
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

-- What accounts of people hold, or are, and nothing granted when they were compared; whatever people decided about it.
create table finding (
  account_id bigint not null,
  -- Its key; empty for the account itself.
  entitlement text not null collate "C",
  -- Of the entitlement, or the account type.
  name text not null collate "C",
  since bigint not null,
  identity_id bigint not null,
  application text not null collate "C",
  account_type text not null collate "C",
  constraint finding_key primary key (account_id, entitlement),
  constraint finding_account foreign key (account_id) references account (id),
  constraint finding_identity foreign key (identity_id) references identity (id)
);
create index finding_access_time on finding (since, account_id, entitlement) where entitlement <> '';
create index finding_account_time on finding (since, account_id) where entitlement = '';
create index finding_application_time on finding (application, since, account_id, entitlement);
create index finding_identity on finding (identity_id, name);
