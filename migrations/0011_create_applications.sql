-- Run-time facts about applications and identity sources; what was decided about them is configuration.
create table application_facts (
  name text not null collate "C",
  last_synchronized_at bigint,
  counts jsonb not null,
  trouble text,
  trouble_since bigint,
  constraint application_facts_key primary key (name),
  constraint application_facts_trouble check ((trouble is null) = (trouble_since is null))
);
