-- Changes of the role model that people prepare on pages before anything of them is live.
create table configuration_draft (
  id bigint primary key,
  title text not null,
  state text not null,
  created_by text not null,
  created_at bigint not null,
  changed_at bigint not null,
  ended_by text,
  ended_at bigint,
  version_id bigint,
  constraint configuration_draft_state_known check (state in ('open', 'published', 'discarded')),
  constraint configuration_draft_ended check ((state = 'open') = (ended_by is null) and (state = 'open') = (ended_at is null)),
  constraint configuration_draft_published check ((state = 'published') = (version_id is not null)),
  constraint configuration_draft_version foreign key (version_id) references configuration_version (id)
);
create index configuration_draft_listed on configuration_draft (state, id);
create index configuration_draft_version on configuration_draft (version_id);

-- One object as the draft makes it, and as it was live when the draft first touched it; nothing where there was none, or
-- is to be none.
create table configuration_draft_change (
  draft_id bigint not null,
  kind text not null collate "C",
  name text not null collate "C",
  body_before jsonb,
  body_after jsonb,
  changed_by text not null,
  changed_at bigint not null,
  constraint configuration_draft_change_key primary key (draft_id, kind, name),
  constraint configuration_draft_change_kind_known check (kind in ('role', 'access_profile', 'entitlement', 'rule')),
  constraint configuration_draft_change_draft foreign key (draft_id) references configuration_draft (id)
);
