-- What people or another system hold may take weeks: what is sent directly goes beside it, where both change the account and
-- nothing is touched by both.
drop index order_one_in_flight;
-- INVARIANT: of an account one order in flight that is sent directly, and one that somebody else holds. Of the second the state,
-- always the same, is among the columns because SQLite tells columns where a rule is broken, and not which.
create unique index order_one_in_flight on provisioning_order (account_id) where state = 2 and account_id is not null and mechanism = 'direct';
create unique index order_one_held on provisioning_order (account_id, state) where state = 2 and account_id is not null and mechanism <> 'direct';
