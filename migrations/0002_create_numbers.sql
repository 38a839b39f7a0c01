-- One number space for all ids; processes take blocks of it.
create table number_space (
  id bigint primary key,
  next bigint not null,
  constraint number_space_single check (id = 1)
);
insert into number_space (id, next)
values (1, 1);
