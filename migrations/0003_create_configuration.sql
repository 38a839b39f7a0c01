create table configuration_version (
  id bigint primary key,
  digest text not null,
  created_by text not null,
  created_at bigint not null
);

-- One object of the configuration in one form. Intervals are of versions: it holds from one apply up to another.
create table configuration_object (
  kind text not null collate "C",
  name text not null collate "C",
  from_version bigint not null,
  to_version bigint,
  body jsonb not null,
  constraint configuration_object_key primary key (kind, name, from_version),
  constraint configuration_object_from_version foreign key (from_version) references configuration_version (id),
  constraint configuration_object_to_version foreign key (to_version) references configuration_version (id)
);
create unique index configuration_object_current on configuration_object (kind, name) where to_version is null;
create index configuration_object_from on configuration_object (from_version);
create index configuration_object_to on configuration_object (to_version);

create table secret (
  name text not null collate "C",
  sealed bytea not null,
  key_id text not null,
  created_by text not null,
  created_at bigint not null,
  constraint secret_key primary key (name)
);
