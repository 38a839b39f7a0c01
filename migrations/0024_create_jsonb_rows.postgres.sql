-- The same as `json_each`, under the name of what SQLite reads without making text of every element first: for elements
-- that are objects.
create function jsonb_each(input text)
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
