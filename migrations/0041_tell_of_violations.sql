-- People are told of new violations as well.
create table notice_with_violations (
  sequence bigserial primary key,
  at bigint not null,
  kind text not null,
  about text not null,
  sentence text not null,
  link text not null,
  run_id bigint,
  to_kind text,
  to_name text collate "C",
  constraint notice_kind_known check (kind in (
    'work_item', 'review', 'run_ended', 'application_trouble', 'form', 'native_change', 'approval', 'certification',
    'violation'
  )),
  constraint notice_belongs_to_run foreign key (run_id) references run (id)
);
insert into notice_with_violations (at, kind, about, sentence, link, run_id, to_kind, to_name)
select at, kind, about, sentence, link, run_id, to_kind, to_name
from notice
order by sequence;
drop table notice;
alter table notice_with_violations rename to notice;
create index notice_run on notice (run_id);
