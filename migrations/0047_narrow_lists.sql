-- Words by which accounts are found, whatever their number: those of their key and their short texts. Programs that do not keep it would
-- leave it wrong, so older ones do not go on beside it.
create table account_word (
  word text not null collate "C",
  account_id bigint not null,
  constraint account_word_key primary key (word, account_id),
  constraint account_word_account foreign key (account_id) references account (id)
);

-- Words hold letters and digits only, so that they can be written as JSON as they are.
insert into account_word (word, account_id)
select distinct substr(piece.value ->> 'word', 1, 40), account.id
from account, json_each('[{"word":"' || replace(ltrim(account.words), ' ', '"},{"word":"') || '"}]') as piece
where piece.value ->> 'word' <> ''
order by 1, 2;

-- What an application's list of accounts is narrowed to, in the order of the list.
drop index account_without_owner;
create index account_without_owner on account (application, key, id) where owner_id is null and status <> 'gone';
drop index account_unclassified;
create index account_unclassified on account (application, key, id) where account_type = '' and status <> 'gone';
-- Accounts of nobody, the latest first.
create index account_orphan_time on account (created_at, id) where owner_id is null and status = 'enabled';
-- Whoever is to join, and whoever has left.
create index identity_context_starts on identity_context (starts, identity_id);
create index identity_context_ends on identity_context (ends, identity_id);
create index identity_absent on identity (id) where not present;
