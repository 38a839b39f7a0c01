-- Drafts change every object of a configuration, not only the role model. The kinds are those of `model::draft`; a check that
-- lists them could only be widened by building the table anew, as here.
create table configuration_draft_object (
  draft_id bigint not null,
  kind text not null collate "C",
  name text not null collate "C",
  body_before jsonb,
  body_after jsonb,
  changed_by text not null,
  changed_at bigint not null,
  constraint configuration_draft_object_key primary key (draft_id, kind, name),
  constraint configuration_draft_object_draft foreign key (draft_id) references configuration_draft (id)
);
insert into configuration_draft_object (draft_id, kind, name, body_before, body_after, changed_by, changed_at)
select draft_id, kind, name, body_before, body_after, changed_by, changed_at
from configuration_draft_change;
drop table configuration_draft_change;
