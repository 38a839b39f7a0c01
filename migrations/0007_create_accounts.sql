create table account (
  id bigint primary key,
  application text not null collate "C",
  account_type text not null collate "C",
  key text not null collate "C",
  owner_id bigint,
  status text not null,
  provenance text not null,
  attributes jsonb not null,
  entitlements jsonb not null,
  entitlement_count bigint not null,
  -- What lists search in: lower case, without diacritics.
  words text not null collate "C",
  observed_at bigint,
  created_at bigint not null,
  changed_at bigint not null,
  constraint account_status_known check (status in ('enabled', 'disabled', 'gone')),
  constraint account_provenance_known check (provenance in ('created', 'adopted', 'found')),
  constraint account_owner foreign key (owner_id) references identity (id)
);
create unique index account_key_once on account (application, account_type, key) where status <> 'gone';
create index account_page on account (application, key, id);
create index account_owner on account (owner_id);

create table account_entitlement (
  account_id bigint not null,
  entitlement text not null collate "C",
  since bigint not null,
  until bigint,
  constraint account_entitlement_key primary key (account_id, entitlement, since),
  constraint account_entitlement_interval check (until is null or until > since),
  constraint account_entitlement_account foreign key (account_id) references account (id)
);
create unique index account_entitlement_current on account_entitlement (account_id, entitlement) where until is null;

-- What an application says it has to grant.
create table entitlement_catalogue (
  application text not null collate "C",
  key text not null collate "C",
  display_name text not null,
  since bigint not null,
  until bigint,
  constraint entitlement_catalogue_key primary key (application, key, since),
  constraint entitlement_catalogue_interval check (until is null or until > since)
);
create unique index entitlement_catalogue_current on entitlement_catalogue (application, key) where until is null;

create table reservation (
  application text not null collate "C",
  attribute text not null collate "C",
  -- Lower case: applications tell `Anna` and `anna` apart too seldom to rely on it.
  folded text not null collate "C",
  value text not null,
  identity_id bigint not null,
  constraint reservation_key primary key (application, attribute, folded),
  constraint reservation_identity foreign key (identity_id) references identity (id)
);
create index reservation_identity on reservation (identity_id);
