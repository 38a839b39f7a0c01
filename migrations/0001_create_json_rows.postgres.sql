-- What SQLite has built in: the elements of a JSON array as rows. With it every bulk statement is one text for both databases.
create function json_each(input text)
returns table (key bigint, value jsonb)
language sql
immutable
strict
parallel safe
rows 1000
as $$
  select ordinality - 1, element
  from jsonb_array_elements(cast(input as jsonb)) with ordinality as elements (element, ordinality)
$$;
