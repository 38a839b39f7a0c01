-- Words by which people are found, whatever their number: those of their name, their key, and their mail before the `@`.
-- Programs that do not keep it would leave it wrong, so older ones do not go on beside it.
create table identity_word (
  word text not null collate "C",
  identity_id bigint not null,
  constraint identity_word_key primary key (word, identity_id),
  constraint identity_word_identity foreign key (identity_id) references identity (id)
);

-- Of those who are known already, mails of plain letters count; others follow when their identity next changes.
update identity
set words = words || replace(replace(replace(replace(
  ' ' || rtrim(
    rtrim(lower(coalesce(attributes ->> 'mail', attributes ->> 'email')), 'abcdefghijklmnopqrstuvwxyz0123456789.-_+'), '@'
  ), '.', ' '), '-', ' '), '_', ' '), '+', ' ')
where coalesce(attributes ->> 'mail', attributes ->> 'email') like '%_@_%'
  and ltrim(lower(coalesce(attributes ->> 'mail', attributes ->> 'email')), 'abcdefghijklmnopqrstuvwxyz0123456789.-_+@') = '';

-- Words hold letters and digits only, so that they can be written as JSON as they are.
insert into identity_word (word, identity_id)
select distinct substr(piece.value ->> 'word', 1, 40), identity.id
from identity, json_each('[{"word":"' || replace(ltrim(identity.words), ' ', '"},{"word":"') || '"}]') as piece
where piece.value ->> 'word' <> '';

create index identity_word_identity on identity_word (identity_id, word);

-- Accounts are found by how their key begins, which is what their words begin with.
create index account_words on account (substr(words, 1, 40), id) where status <> 'gone';

-- What a list was narrowed to, under a name.
create table saved_view (
  id bigint primary key,
  owner_id bigint not null,
  -- Path of the list's page.
  page text not null collate "C",
  name text not null collate "C",
  query text not null,
  -- For everybody who may see the page.
  shared boolean not null,
  created_at bigint not null,
  changed_at bigint not null,
  constraint saved_view_name unique (owner_id, page, name),
  constraint saved_view_owner foreign key (owner_id) references console_user (id)
);
create index saved_view_shared on saved_view (page) where shared;

-- With which view the menu opens a list for somebody.
create table saved_view_default (
  user_id bigint not null,
  page text not null collate "C",
  view_id bigint not null,
  constraint saved_view_default_key primary key (user_id, page),
  constraint saved_view_default_user foreign key (user_id) references console_user (id),
  constraint saved_view_default_view foreign key (view_id) references saved_view (id)
);
create index saved_view_default_view on saved_view_default (view_id);
