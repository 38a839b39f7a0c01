-- Programs go on from 0042.
-- What accounts hold is looked up among the entitlements that the configuration knows, also where these are a great many. They
-- are cast, as the question does it: SQLite takes the index only where both sides are texts.
create index configuration_object_entitlement
  on configuration_object (
    (cast(body ->> 'account_type' as text) collate "C"),
    (cast(body ->> 'key' as text) collate "C"),
    name
  )
  where kind = 'entitlements' and to_version is null;
